"""What `ingest_speed.py` holds driftwatch against: servers that store nothing, in one process of uvicorn.

python -m benchmarks.ingest_peers bare|fastapi PORT
"""

from __future__ import annotations

import sys
from typing import Any

import uvicorn


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """Reads the body and answers."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body", False):
        continue
    headers = [(b"content-type", b"application/json"), (b"content-length", b"14")]
    await send({"type": "http.response.start", "status": 202, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"accepted":1}'})


def fastapi() -> Any:
    """A route as most people would write it."""
    from fastapi import FastAPI
    from pydantic import BaseModel

    class Event(BaseModel):
        prediction_id: str | None = None
        features: dict[str, float | str | None]
        prediction: float | str
        score: float | None = None

    app = FastAPI()

    def take(event: Event) -> dict[str, int]:
        return {"accepted": 1}

    take.__annotations__ = {"event": Event, "return": dict[str, int]}

    async def asynchronous(event: Any) -> dict[str, int]:
        return take(event)

    asynchronous.__annotations__ = dict(take.__annotations__)
    app.post("/v1/models/{model}/predictions", status_code=202)(asynchronous)
    return app


if __name__ == "__main__":
    chosen = bare if sys.argv[1] == "bare" else fastapi()
    uvicorn.run(chosen, host="127.0.0.1", port=int(sys.argv[2]), log_config=None, access_log=False, lifespan="off")
