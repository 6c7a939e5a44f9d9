"""Training of the detector of goods: it helps, repeats, can be interrupted, and refuses what does not fit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from detector_example import SMALL, examples, views

from taskprog.cli.main import main
from taskprog.vision.card import CARD
from taskprog.vision.checkpoint import load_network
from taskprog.vision.examples import COMPLETE, Examples, load_examples, make_examples
from taskprog.vision.labels import LabelledView
from taskprog.vision.network import GoodsNetwork
from taskprog.vision.train import RESUME, DetectorTraining
from taskprog_sim.goods_views import labelled_views

__all__ = ["examples", "views"]  # fixtures


def test_a_few_steps_of_training_help(examples: Examples) -> None:
    seen: list[float] = []
    training = DetectorTraining(SMALL, examples, threads=1)
    training.run(lambda: seen.append(sum(training.losses)))
    assert seen[-1] < seen[0]
    assert not training.network.training


def test_an_interrupted_training_ends_as_one_that_was_not(tmp_path: Path) -> None:
    """Stopped in its fifth step and gone on with from files alone, images included: the same network."""
    views = list(labelled_views(3, 4, 2, exact=False))
    whole = DetectorTraining(SMALL, make_examples(views, 4, np.random.default_rng(0)), threads=1)
    whole.run()

    kept = tmp_path / "examples"
    first = DetectorTraining(
        SMALL, make_examples(views, 4, np.random.default_rng(0), kept, "four"), threads=1
    )

    def stop() -> None:
        first.stopped = first.step == 5

    first.run(stop)
    first.save_state(tmp_path)
    loaded = load_examples(kept, "four")
    assert loaded is not None
    second = DetectorTraining(SMALL, loaded, threads=1)
    assert second.load_state(tmp_path)
    assert second.step == 5
    second.run()
    assert second.losses == whole.losses
    for name, value in whole.network.state_dict().items():
        assert torch.equal(second.network.state_dict()[name], value), name


def test_a_training_does_not_depend_on_who_prepares_its_images(examples: Examples) -> None:
    alone, helped = (DetectorTraining(SMALL, examples, threads=1, jobs=jobs) for jobs in (1, 2))
    alone.run()
    helped.run()
    assert helped.losses == alone.losses


@pytest.mark.timeout(120)
def test_ctrl_c_in_a_terminal_ends_all_processes_in_order(tmp_path: Path) -> None:
    """It reaches those that prepare images as well, while the network is trained."""
    command = [str(Path(sys.executable).parent / "taskprog"), "detector", "train", "--views", "2"]
    options = ["--steps", "100000", "--batch", "1", "--jobs", "2", "--output", str(tmp_path)]
    training = subprocess.Popen(
        [*command, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    children = Path(f"/proc/{training.pid}/task/{training.pid}/children")
    while not (tmp_path / "examples" / COMPLETE).exists() or len(children.read_text().split()) < 2:
        assert training.poll() is None
        threading.Event().wait(0.05)
    os.killpg(training.pid, signal.SIGINT)
    shown, errors = training.communicate(timeout=60)
    assert training.returncode == 130, errors
    assert "the same command goes on from there" in shown
    assert "Traceback" not in errors
    assert (tmp_path / RESUME).exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_device_is_refused_before_anything_is_rendered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["detector", "train", "--device", "cuda", "--output", str(tmp_path / "new")]) != 0
    assert "no CUDA device" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_training_does_not_go_on_from_another_ones_state(examples: Examples, tmp_path: Path) -> None:
    training = DetectorTraining(SMALL, examples, threads=1)
    training.save_state(tmp_path)
    longer = DetectorTraining(replace(SMALL, steps=13), examples, threads=1)
    with pytest.raises(ValueError, match="another configuration"):
        longer.load_state(tmp_path)
    torch.manual_seed(5)
    elsewhere = DetectorTraining(SMALL, examples, threads=1, start=GoodsNetwork(SMALL.network))
    with pytest.raises(ValueError, match="start"):
        elsewhere.load_state(tmp_path)


def test_an_unfinished_training_on_other_images_is_not_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / RESUME).touch()
    kept = tmp_path / "examples" / "rgb.npy"
    kept.parent.mkdir()
    kept.touch()
    assert main(["detector", "train", "--views", "1", "--steps", "1", "--output", str(tmp_path)]) != 0
    assert "other images than seed 300, 1 views" in " ".join(capsys.readouterr().err.split())
    assert kept.exists()


def test_images_of_a_rendering_that_was_cut_short_are_not_learned_from(
    views: list[LabelledView], tmp_path: Path
) -> None:
    kept = tmp_path / "examples"
    with pytest.raises(ValueError, match="9 views"):
        make_examples(views, 9, np.random.default_rng(0), kept, "nine")
    assert load_examples(kept, "nine") is None
    make_examples(views, len(views), np.random.default_rng(0), kept, "all")
    assert load_examples(kept, "others") is None


def test_the_card_says_how_to_train_the_same_detector_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    how = "--seed 5 --views 1 --looks 1 --usual 1 --steps 2 --batch 1 --rate 0.01 --threads 2 --output first"
    assert main(["detector", "train", *how.split()]) == 0
    assert main(["detector", "train", *how.replace("first", "second --start first").split()]) == 0
    card = Path("second", CARD).read_text(encoding="utf-8")
    commands = [line.split() for line in card.splitlines() if line.startswith("taskprog detector train")]
    assert len(commands) == 2
    for command in commands:
        assert command[command.index("--threads") + 1] == "2"
        assert main(command[1:]) == 0
    again = load_network(Path("out", "1")).state_dict()
    for name, value in load_network(Path("second")).state_dict().items():
        assert torch.allclose(value.float(), again[name].float(), atol=1e-4), name
