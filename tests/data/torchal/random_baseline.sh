# TorchAL's example of a baseline without strong regularisation, flag by flag
interpreter=$1

cd /data/torchal

port=5035
function=uncertainty   # sic: the example is called random
partition=1
seed=1
gpus=2
cycles=4
trials=3      # the paper: 50
budget=5000   # or 2500

data=CIFAR10
first=10
step=10
epochs=5      # the paper: 150
classes=10
every=40

train=/data/torchal/data/$data/train-$data/
test=/data/torchal/data/$data/test-$data/
sets=/data/torchal/data/$data/partition_$partition
labelled=$sets/lSet_$data.npy
pool=$sets/uSet_$data.npy
validation=$sets/valSet_$data.npy

out=/data/torchal/results
# out=/data/torchal/other_results

style=vgg_style
type=vgg
depth=16

export CUDA_VISIBLE_DEVICES=0,1

$interpreter tools/main_aml.py --n_GPU $gpus \
--port $port --sampling_fn $function --lSet_partition $partition \
--seed_id $seed \
--init_partition $first --step_partition $step \
--dataset $data --budget_size $budget \
--out_dir $out \
--num_aml_trials $trials --num_classes $classes \
--al_max_iter $cycles \
--model_type $type --model_depth $depth \
--clf_epochs $epochs \
--eval_period 1 --checkpoint_period 1 \
--lSetPath $labelled --uSetPath $pool --valSetPath $validation \
--train_dir $train --test_dir $test \
--dropout_iterations 25 \
--cfg configs/$data/$style/$type/R-18_4gpu_unreg.yaml \
--vaal_z_dim 32 --vaal_vae_bs 64 --vaal_epochs 15 \
--vaal_vae_lr 5e-4 --vaal_disc_lr 5e-4 --vaal_beta 1.0 --vaal_adv_param 1.0 \

