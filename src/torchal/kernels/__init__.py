"""With what arithmetic: functions of tensors that know nothing else of this project."""
