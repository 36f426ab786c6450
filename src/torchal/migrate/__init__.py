"""From TorchAL: its command lines become experiments, and its folders of results index sets to train on."""
