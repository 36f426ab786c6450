import json
import os
import shutil
from importlib.metadata import PackageNotFoundError

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file
from small_runs import changed

from torchal.data.contents import Contents
from torchal.data.sources.digits import Digits
from torchal.loop import run
from torchal.models import _checkpoint
from torchal.models._backbone import Adapted, Pooled, steps
from torchal.models.pretrained import Pretrained
from torchal.problem import opened
from torchal.rng import generator, seeded
from torchal.store import Store
from torchal.testing.models import CHECKS, check_exact, check_gradients
from torchal.training.fit import fresh

os.environ["HF_HUB_OFFLINE"] = "1"
import transformers

COMMIT = "0123456789abcdef" * 2 + "01234567"
MEAN, STD = [0.5, 0.4, 0.3], [0.2, 0.25, 0.3]
VIT = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 16, "patch_size": 8,
       "initializer_range": 0.3}  # fmt: skip
CONV = {"hidden_sizes": [8, 16], "depths": [1, 1]}
KINDS = {
    "vit": ("ViTModel", "ViTConfig", VIT | {"intermediate_size": 32}),
    "poolerless": ("ViTForImageClassification", "ViTConfig", VIT | {"intermediate_size": 32}),
    "deit": ("DeiTModel", "DeiTConfig", VIT | {"intermediate_size": 32}),
    "dinov2": ("Dinov2Model", "Dinov2Config", VIT),
    "resnet": ("ResNetModel", "ResNetConfig", CONV | {"embedding_size": 8, "layer_type": "basic"}),
    "convnext": ("ConvNextModel", "ConvNextConfig", CONV | {"num_stages": 2, "image_size": 16}),
    "swin": ("SwinModel", "SwinConfig", {"embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2], "window_size": 2,
                                         "image_size": 16, "patch_size": 2}),
    "masked": ("ViTMAEModel", "ViTMAEConfig", VIT | {"intermediate_size": 32, "image_size": 32}),
    "text": ("BertModel", "BertConfig", {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
                                         "intermediate_size": 16, "vocab_size": 8}),
}  # fmt: skip


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHAL_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """Give the folder of a small checkpoint of a kind, made when it is first asked for."""
    root = tmp_path_factory.mktemp("checkpoints")

    def folder(kind):
        if not (root / kind).exists():
            network, config, fields = KINDS[kind]
            with seeded("checkpoint", kind):
                getattr(transformers, network)(getattr(transformers, config)(**fields)).save_pretrained(root / kind)
        return root / kind

    return folder


@pytest.fixture
def vit(checkpoint, tmp_path):
    """Give a copy of a checkpoint that may be changed, with a mean and a standard deviation."""
    folder = shutil.copytree(checkpoint("vit"), tmp_path / "vit")
    (folder / "preprocessor_config.json").write_text(json.dumps({"image_mean": MEAN, "image_std": STD}))
    return folder


@pytest.fixture(scope="module")
def digits():
    return Digits(test=1700).load()


def counted(monkeypatch):
    """Note how many images every pass of a backbone is given."""
    passes, forward = [], Pooled.forward

    def counting(self, x):
        passes.append(len(x))
        return forward(self, x)

    monkeypatch.setattr(Pooled, "forward", counting)
    return passes


def reweighted(folder, change):
    weights = load_file(folder / "model.safetensors")
    save_file(change(weights), folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize("kind", ["vit", "poolerless", "resnet"])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_fine_tuned_network_keeps_the_promises_of_a_model(checkpoint, check, kind):
    check(Pretrained(path=checkpoint(kind), dropout=0.1), (3, 8, 8), 4)


@pytest.mark.parametrize("kind", ["deit", "convnext", "swin"])
def test_gradients_reach_every_weight_of_other_backbones(checkpoint, kind):
    check_gradients(Pretrained(path=checkpoint(kind)), (1, 8, 8), 4)


@pytest.mark.parametrize("kind", ["deit", "dinov2", "convnext", "swin"])
def test_other_backbones_train_in_exact_mode_at_their_own_size(checkpoint, kind):
    check_exact(Pretrained(path=checkpoint(kind)), (1, 8, 8), 4)


def test_fine_tuning_begins_with_the_checkpoints_weights_and_a_drawn_head(checkpoint):
    network = fresh(Pretrained(path=checkpoint("vit"), dropout=0.25), (3, 16, 16), 4, ("a",))
    found = network.body[1].network.state_dict()
    saved = transformers.AutoModel.from_pretrained(checkpoint("vit")).state_dict()
    assert found.keys() == saved.keys()
    assert all(torch.equal(found[name], saved[name]) for name in saved)
    assert [type(step).__name__ for step in network.body] == ["Adapted", "Pooled", "Flatten", "Dropout"]
    assert network.body[3].p == 0.25
    before = network.body[1].network.embeddings.cls_token.clone()
    with torch.no_grad():
        network.body[1].network.embeddings.cls_token.add_(1)
    again = fresh(Pretrained(path=checkpoint("vit")), (3, 16, 16), 4, ("a",))
    assert torch.equal(again.body[1].network.embeddings.cls_token, before), "what was trained is not what is loaded"


def test_a_head_with_hidden_layers_stands_on_the_features(checkpoint):
    network = fresh(Pretrained(path=checkpoint("resnet"), hidden=(5,)), (3, 16, 16), 4, ("a",))
    assert network(torch.zeros(2, 3, 16, 16)).shape == (2, 4)
    assert network.head.in_features == 5


@pytest.mark.parametrize("kind", ["vit", "deit", "dinov2", "resnet", "convnext", "swin"])
def test_features_are_the_pooled_output_that_transformers_computes(checkpoint, kind):
    x = torch.rand(3, 3, 16, 16, generator=generator("images"))
    network = transformers.AutoModel.from_pretrained(checkpoint(kind)).eval()
    with torch.no_grad():
        body, width = steps(checkpoint(kind), "", None, (3, 16, 16))
        expected = network(pixel_values=x).pooler_output.flatten(1)
        assert torch.allclose(body(x), expected, atol=1e-5)
    assert expected.shape == (3, width)


def test_a_pooler_that_the_checkpoint_lacks_is_not_drawn_but_left_out_for_the_mean_over_tokens(checkpoint):
    x = torch.rand(3, 3, 16, 16, generator=generator("images"))
    classifier = transformers.ViTForImageClassification.from_pretrained(checkpoint("poolerless")).eval()
    with torch.no_grad():
        body, _ = steps(checkpoint("poolerless"), "", None, (3, 16, 16))
        assert torch.allclose(body(x), classifier.vit(x).last_hidden_state.mean(1), atol=1e-5)


def test_grey_images_are_repeated_scaled_and_normalised():
    x = torch.rand(2, 1, 8, 8, generator=generator("grey"))
    scaled = torch.nn.functional.interpolate(x, (16, 16), mode="bilinear")
    result = Adapted(3, 16, (MEAN, STD))(x)
    for channel in range(3):
        assert torch.allclose(result[:, channel], (scaled[:, 0] - MEAN[channel]) / STD[channel])
    assert torch.equal(Adapted(3, None, None)(x), x.expand(-1, 3, -1, -1))


@pytest.mark.parametrize(
    ("kind", "told", "size", "expected"),
    [
        ("vit", {}, None, 16),
        ("vit", {}, 32, 32),
        ("resnet", {}, None, None),
        ("resnet", {"size": {"shortest_edge": 20}}, None, 20),
        ("resnet", {"size": {"height": 12, "width": 10}}, None, [12, 10]),
        ("resnet", {"size": 24}, 48, 48),
    ],
)
def test_images_are_scaled_to_what_is_asked_for_else_to_what_the_checkpoint_says(
    checkpoint, tmp_path, kind, told, size, expected
):
    folder = shutil.copytree(checkpoint(kind), tmp_path / "copy")
    (folder / "preprocessor_config.json").write_text(json.dumps(told))
    body, _ = steps(folder, "", size, (3, 16, 16))
    assert body[0].size == expected


def by_hand(folder, images):
    """Compute features as the frozen network should, from images in 0..1 with one channel."""
    network = transformers.AutoModel.from_pretrained(folder).eval()
    x = torch.nn.functional.interpolate(images.repeat(1, 3, 1, 1), (16, 16), mode="bilinear")
    mean, std = (torch.tensor(each)[:, None, None] for each in (MEAN, STD))
    with torch.no_grad():
        return network(pixel_values=(x - mean) / std).pooler_output


def test_a_frozen_network_gives_its_own_output_for_every_row_and_is_run_once(vit, digits, monkeypatch):
    passes = counted(monkeypatch)
    data = Pretrained(path=vit, frozen=True).prepare(digits)
    assert data.shape == (16,)
    for side, before in ((data.train, digits.train), (data.test, digits.test)):
        images = before.inputs.batch(torch.arange(len(before)))
        assert torch.allclose(side.inputs.batch(torch.arange(len(side))), by_hand(vit, images), atol=1e-5)
        assert torch.equal(side.labels, before.labels)
    assert sum(passes) == 1797 + 2  # two images tell the width, and that features are not random
    passes.clear()
    again = Pretrained(path=vit, frozen=True, hidden=(3,)).prepare(digits)
    assert (again.digest, passes) == (data.digest, [])
    assert data.digest != digits.digest


def test_other_weights_or_another_size_are_embedded_anew(vit, digits):
    first = Pretrained(path=vit, frozen=True)
    before = first.prepare(digits)
    larger = Pretrained(path=vit, frozen=True, size=24).prepare(digits)
    reweighted(vit, lambda weights: weights | {"layernorm.bias": weights["layernorm.bias"] + 1})
    second = Pretrained(path=vit, frozen=True)
    after = second.prepare(digits)
    assert first.digest != second.digest
    assert len({each.digest for each in (before, larger, after)}) == 3
    assert not torch.allclose(before.train.inputs.values, after.train.inputs.values)


def test_results_depend_on_what_the_folder_holds_and_not_on_where_it_lies(vit, tmp_path):
    here = Pretrained(path=vit)
    there = Pretrained(path=shutil.copytree(vit, tmp_path / "elsewhere" / "vit"))
    (there.path / "README.md").write_text("says nothing of the features")
    assert here.identity() == Pretrained(path=there.path).identity()
    (there.path / "preprocessor_config.json").unlink()
    assert here.identity() != Pretrained(path=there.path).identity()
    assert here.label == there.label == f"pretrained(vit@{here.digest[:8]})"


def test_weights_saved_in_half_precision_become_float32(vit):
    reweighted(vit, lambda weights: {name: each.half() for name, each in weights.items()})
    body, _ = steps(vit, "half", None, (3, 16, 16))
    assert {each.dtype for each in body.state_dict().values()} == {torch.float32}


def test_a_checkpoint_of_several_files_is_read_and_each_of_them_counts(checkpoint, tmp_path):
    network = transformers.AutoModel.from_pretrained(checkpoint("vit"))
    network.save_pretrained(tmp_path / "shards", max_shard_size="3KB")
    files = Pretrained.files(tmp_path / "shards")
    assert len(files) > 3
    found = fresh(Pretrained(path=tmp_path / "shards"), (3, 16, 16), 4, ("a",)).body[1].network.state_dict()
    assert all(torch.equal(found[name], each) for name, each in network.state_dict().items())


def test_a_checkpoint_on_the_hub_is_taken_from_its_cache_without_network(checkpoint, tmp_path, digits, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    shutil.copytree(checkpoint("vit"), tmp_path / "models--me--tiny" / "snapshots" / COMMIT)
    model = Pretrained(repo="me/tiny", revision=COMMIT, frozen=True)
    local = Pretrained(path=checkpoint("vit"), frozen=True).prepare(digits)
    assert model.prepare(digits).digest == local.digest
    assert model.identity() | {"repo": "me/tiny", "revision": COMMIT} == model.identity()
    assert model.label == "pretrained(repo=me/tiny, revision=01234567, frozen=True)"
    with pytest.raises(ValueError, match=r"me/other at 0123.* cannot be had from the hub .*; give path"):
        Pretrained(repo="me/other", revision=COMMIT).build((3, 16, 16), 4)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "needs path, a local folder, or repo"),
        ({"repo": "me/tiny"}, "revision: None is no commit"),
        ({"repo": "me/tiny", "revision": "main"}, "revision: main is no commit"),
    ],
)
def test_a_checkpoint_that_is_not_named_exactly_is_refused(fields, message):
    with pytest.raises(ValidationError, match=message):
        Pretrained(**fields)


def test_a_local_checkpoint_has_no_repo_or_revision(vit):
    with pytest.raises(ValidationError, match="give one of them"):
        Pretrained(path=vit, repo="me/tiny", revision=COMMIT)
    with pytest.raises(ValidationError, match="remove one of them"):
        Pretrained(path=vit, revision=COMMIT)


def test_weights_that_are_a_pickle_are_refused(vit):
    (vit / "model.safetensors").rename(vit / "pytorch_model.bin")
    with pytest.raises(ValidationError, match=r"no model\.safetensors, and other formats are not read"):
        Pretrained(path=vit)


def test_a_folder_that_is_no_checkpoint_is_refused(tmp_path):
    with pytest.raises(ValidationError, match=r"no config\.json"):
        Pretrained(path=tmp_path)


def test_a_checkpoint_that_lacks_weights_is_refused_by_their_name(vit):
    reweighted(vit, lambda weights: {name: each for name, each in weights.items() if name != "layernorm.bias"})
    with pytest.raises(ValueError, match=r"lacks layernorm\.bias"):
        Pretrained(path=vit).build((3, 16, 16), 4)


@pytest.mark.parametrize(
    ("kind", "message"), [("masked", "random features"), ("text", "no network for images but BertModel")]
)
def test_a_network_that_gives_no_features_of_an_image_is_refused(checkpoint, kind, message):
    with pytest.raises(ValueError, match=message):
        Pretrained(path=checkpoint(kind)).build((3, 16, 16), 4)


def test_images_that_the_network_cannot_take_are_refused(vit):
    with pytest.raises(ValueError, match=r"cannot take images of shape \(4, 16, 16\)"):
        Pretrained(path=vit).build((4, 16, 16), 4)


def test_data_that_are_vectors_or_normalised_twice_are_refused(vit, digits):
    train, test = (split.inputs.values for split in (digits.train, digits.test))
    sides = train, digits.train.labels, test, digits.test.labels, digits.classes
    normalised = Contents(*sides).dataset("digits", statistics=(torch.tensor([0.3]), torch.tensor([0.4])))
    with pytest.raises(ValueError, match="normalise: false"):
        Pretrained(path=vit).prepare(normalised)
    (vit / "preprocessor_config.json").unlink()
    assert Pretrained(path=vit).prepare(normalised) is normalised
    vectors = Pretrained(path=vit, frozen=True).prepare(digits)
    with pytest.raises(ValueError, match="takes images, and digits has vectors"):
        Pretrained(path=vit).prepare(vectors)


def test_a_frozen_networks_head_is_not_built_on_images(vit):
    with pytest.raises(ValueError, match="its head takes vectors"):
        Pretrained(path=vit, frozen=True).build((3, 16, 16), 4)


def test_without_transformers_the_remedy_is_named(vit, digits, monkeypatch):
    def absent(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(_checkpoint, "version", absent)
    with pytest.raises(ValueError, match=r"pip install 'torchal\[pretrained\]'"):
        Pretrained(path=vit, frozen=True).prepare(digits)


def test_a_plan_can_build_a_fine_tuned_network_without_memory_for_its_head(vit):
    steps.cache_clear()
    with torch.device("meta"):
        assert Pretrained(path=vit).build((1, 8, 8), 10).head.weight.is_meta


def spec(model, **fields):
    return changed(
        dataset={"name": "digits", "test": 900},
        model=model,
        strategy="coreset",
        tuning={"scope": "fixed"},
        **fields,
    ).runs()[0]


def test_a_run_on_a_frozen_network_embeds_once_and_is_the_same_in_another_folder(vit, tmp_path, monkeypatch):
    passes = counted(monkeypatch)
    recipe = {"optimizer": "adam", "lr": 1e-2, "epochs": 20, "batch": 16}
    frozen = spec({"name": "pretrained", "path": str(vit), "frozen": True}, recipe=recipe)
    with Store(tmp_path / "a") as store:
        first = run(frozen, store)
    assert sum(passes) == 1797 + 2
    moved = shutil.copytree(vit, tmp_path / "moved" / "vit")
    with Store(tmp_path / "b") as store:
        again = run(spec({"name": "pretrained", "path": str(moved), "frozen": True}, recipe=recipe), store)
    assert sum(passes) == 1797 + 2
    assert first == again
    assert first.finished
    assert first.cycles[-1].test.accuracy > 0.2
    assert opened(frozen).data.shape == (16,)


def test_a_run_that_fine_tunes_trains_measures_and_restores_the_whole_network(vit, tmp_path):
    tuned = spec(
        {"name": "pretrained", "path": str(vit)}, setting={"cycles": 2, "budget": 5}, recipe={"epochs": 1, "batch": 16}
    )
    with Store(tmp_path / "store") as store:
        record = run(tuned, store)
    assert record.finished
    assert opened(tuned).data.shape == (1, 8, 8)
