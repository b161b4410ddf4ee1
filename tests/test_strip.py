from io import BytesIO

import numpy as np
from PIL import Image

from flywheel.filming.strip import FRAME_HEIGHT, NUM_FRAMES, moments, strip


def test_moments_are_spread_from_the_first_decision_to_the_last():
    assert moments(40) == [1, 8, 14, 20, 27, 34, 40]
    assert moments(3) == [1, 2, 3]
    assert moments(1) == [1]


def test_a_strip_is_a_row_of_pictures_of_one_height():
    frames = [np.full((100, 150, 3), 40 * index, np.uint8) for index in range(NUM_FRAMES)]
    with Image.open(BytesIO(strip(frames))) as picture:
        assert picture.format == "WEBP"
        assert picture.height == FRAME_HEIGHT
        # 220 pixels high: 330 wide each, and 6 between two
        assert picture.width == 7 * 330 + 6 * 6
