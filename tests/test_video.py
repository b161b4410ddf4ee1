import av
import numpy as np
import pytest
from PIL import Image

from flywheel.filming.video import HOLD_S, write_video


def pictures(*shades, size=(64, 48)):
    return [Image.new("RGB", size, (shade, shade, shade)) for shade in shades]


def decoded(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(video=0))
        return stream, [frame.to_ndarray(format="gray").mean() for frame in frames], [frame.time for frame in frames]


def test_a_video_shows_its_pictures_in_order_and_at_their_pace(tmp_path):
    path = tmp_path / "video.mp4"
    write_video(path, pictures(20, 120, 220), frame_s=0.25)
    stream, shades, times = decoded(path)
    held = round(HOLD_S / 0.25)
    assert np.allclose(shades, [20, 120, 220] + [220] * held, atol=6)
    assert times == pytest.approx([0.25 * number for number in range(3 + held)])
    assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
    assert (stream.width, stream.height) == (64, 48)


def test_any_pace_is_kept(tmp_path):
    path = tmp_path / "video.mp4"
    write_video(path, pictures(*range(30)), frame_s=1 / 19.2)
    times = decoded(path)[2]
    assert times[29] == pytest.approx(29 / 19.2, abs=1e-3)


def test_playing_can_start_before_all_of_it_is_there(tmp_path):
    path = tmp_path / "video.mp4"
    write_video(path, pictures(10, 20), frame_s=0.1)
    data = path.read_bytes()
    assert data[4:8] == b"ftyp"
    assert data.index(b"moov") < data.index(b"mdat")
