import numpy as np
import pytest
from PIL import Image, ImageChops

from flywheel.filming.overlay import BAND_HEIGHT, COLOURS, LEAST_WIDTH, PICTURE_HEIGHT, Caption, Overlay

GREEN = tuple(bytes.fromhex(COLOURS["success"][1:]))


def overlay(**changes):
    values = {
        "task": "suite/reach",
        "policy": "policy-0001",
        "outcome": "success",
        "rewards": [0.0, 0.5, 0.25],
        "successes": [False, True, False],
        "q": [0.1, 0.4, 0.2],
        "note": "",
    }
    return Overlay(Caption(**(values | changes)), speed="real time")


def band(picture: Image.Image) -> Image.Image:
    return picture.crop((0, PICTURE_HEIGHT, picture.width, picture.height))


FRAME = np.full((100, 100, 3), 200, np.uint8)


def test_the_picture_lies_above_its_caption():
    picture = overlay().picture(FRAME, 1)
    assert picture.size == (LEAST_WIDTH, PICTURE_HEIGHT + BAND_HEIGHT)
    assert picture.getpixel((LEAST_WIDTH // 2, PICTURE_HEIGHT // 2)) == (200, 200, 200)


@pytest.mark.parametrize(("height", "width"), [(401, 600), (300, 77), (1, 1)])
def test_whatever_the_frame_is_a_video_can_hold_the_picture(height, width):
    picture = overlay().picture(np.zeros((height, width, 3), np.uint8), 1)
    assert (picture.width % 2, picture.height % 2) == (0, 0)
    assert picture.width >= LEAST_WIDTH


def test_a_success_is_said_from_when_it_comes():
    said = [
        GREEN in dict(map(reversed, band(overlay().picture(FRAME, number)).getcolors(9999))) for number in (1, 2, 3)
    ]
    assert said == [False, True, True]


def test_a_failure_is_said_at_the_end():
    shown = overlay(outcome="failure", successes=[False] * 3)
    unsaid = overlay(outcome="", successes=[False] * 3)
    differs = [
        ImageChops.difference(shown.picture(FRAME, number), unsaid.picture(FRAME, number)).getbbox() is not None
        for number in (1, 2, 3)
    ]
    assert differs == [False, False, True]


def test_everything_that_is_known_is_written():
    plain = band(overlay().picture(FRAME, 2))
    for change in (
        {"task": "suite/push"},
        {"policy": "policy-0002"},
        {"rewards": [0.0, 0.7, 0.0]},
        {"rewards": [0.0, 0.5, 0.25, 0.0], "successes": [False, True, False, False], "q": [0.1, 0.4, 0.2, 0.1]},
        {"q": [0.1, 0.3, 0.2]},
        {"q": None},
    ):
        assert ImageChops.difference(plain, band(overlay(**change).picture(FRAME, 2))).getbbox(), change
    unknown = overlay(q=None).picture(FRAME, 2)
    said = overlay(q=None, note="Q is not known: the weights are gone").picture(FRAME, 2)
    assert ImageChops.difference(unknown, said).getbbox()


def test_names_that_are_too_long_are_cut():
    short, long = (overlay(task="x" * length).picture(FRAME, 3) for length in (300, 400))
    assert ImageChops.difference(short, long).getbbox() is None


def test_a_q_that_never_changes_is_a_line():
    assert overlay(q=[0.5, 0.5, 0.5]).picture(FRAME, 3).size[0] == LEAST_WIDTH
    assert overlay(q=[0.5], rewards=[0.0], successes=[False]).picture(FRAME, 1).size[0] == LEAST_WIDTH
