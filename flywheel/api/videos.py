"""Videos of episodes: sent, or where to get them; made when they are first asked for."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from flywheel.api.byte_ranges import wanted_range
from flywheel.api.episodes import EpisodeId, read_episode
from flywheel.api.etags import has
from flywheel.api.guards import Desk, Reader
from flywheel.api.plane import Plane
from flywheel.api.problems import documented
from flywheel.api.route import Route
from flywheel.filming.darkroom import FilmingState
from flywheel.ports import VideoFile

MEDIA_TYPE = "video/mp4"
ASK_AGAIN_S = 1
KEPT_S = 3600
EXAMPLE_TAG = '"0c7d2ab1f5e04c19a2b84d1c6f3e9a70"'

router = APIRouter(tags=["episodes"], route_class=Route)


class FilmingView(BaseModel):
    """How far a video is that is not there yet."""

    model_config = ConfigDict(from_attributes=True)

    state: Annotated[FilmingState, Field(description="Whether it waits for others", examples=["rendering"])]
    done: Annotated[int, Field(description="Frames that are done", examples=[12])]
    total: Annotated[int, Field(description="Of how many; 0: not known yet", examples=[40])]


def _header(description: str, example: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}, "example": example}


RANGES = _header("Always bytes", "bytes")
TAG = _header("Of the file, for `If-None-Match` and `If-Range`", EXAMPLE_TAG)
PART = _header("Which bytes, of how many", "bytes 0-1023/183245")
FILE = {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The whole video", "content": FILE, "headers": {"Accept-Ranges": RANGES, "ETag": TAG}},
    202: {
        "description": "It is being made: ask again",
        "model": FilmingView,
        "headers": {"Retry-After": _header("Seconds to wait", "1")},
    },
    206: {"description": "A part of it", "content": FILE, "headers": {"Content-Range": PART, "ETag": TAG}},
    304: {"description": "Not changed", "headers": {"ETag": TAG}},
    307: {
        "description": "Get it there, without the token",
        "headers": {"Location": _header("For some minutes", "https://s3.example.com/bucket/videos/...")},
    },
    **documented(404, 409, 416, 501),
}


@router.get("/episodes/{episode_id}/video", responses=ANSWERS, response_class=Response)
def get_episode_video(
    episode_id: EpisodeId,
    plane: Desk,
    who: Reader,
    redirect: Annotated[
        bool,
        Query(
            description="Whether to be sent to the object storage, where there is one; else it comes from here",
            examples=[True],
        ),
    ] = True,
    byte_range: Annotated[
        str | None, Header(alias="Range", max_length=100, description="Only these bytes", examples=["bytes=0-1023"])
    ] = None,
    if_range: Annotated[
        str | None,
        Header(
            alias="If-Range",
            max_length=100,
            description="`Range` counts only while this ETag holds",
            examples=[EXAMPLE_TAG],
        ),
    ] = None,
    if_none_match: Annotated[
        str | None,
        Header(
            alias="If-None-Match", max_length=1000, description="ETag of the video that one has", examples=[EXAMPLE_TAG]
        ),
    ] = None,
) -> Response:
    """The episode, replayed from its seed and actions: MP4, with what is known of each decision below the pictures.

    The first request begins to make it; until it is there the answer is 202. 409: it cannot be replayed as it was
    recorded. 501: the service's machine cannot render.
    """
    file = plane.videos.find(episode_id)
    if file is None:
        filming = plane.darkroom.ask(read_episode(plane, episode_id))
        shown = FilmingView.model_validate(filming).model_dump(mode="json")
        return JSONResponse(shown, status_code=202, headers={"Retry-After": str(ASK_AGAIN_S)})
    tag = f'"{file.tag}"'
    if has(if_none_match or "", tag):
        return Response(status_code=304, headers={"ETag": tag})
    address = plane.videos.address(episode_id) if redirect else None
    if address is not None:
        return Response(status_code=307, headers={"Location": address, "Cache-Control": "no-store"})
    return _sent(plane, episode_id, file, byte_range if if_range in (None, tag) else None)


def _sent(plane: Plane, episode_id: str, file: VideoFile, byte_range: str | None) -> Response:
    part = wanted_range(byte_range, total=file.num_bytes)
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": f'"{file.tag}"',
        "Cache-Control": f"private, max-age={KEPT_S}",
    }
    if part is None:
        data = plane.videos.read(episode_id, start=0, length=file.num_bytes)
        return Response(data, media_type=MEDIA_TYPE, headers=headers)
    data = plane.videos.read(episode_id, start=part.start, length=part.length)
    headers["Content-Range"] = part.in_words
    return Response(data, status_code=206, media_type=MEDIA_TYPE, headers=headers)
