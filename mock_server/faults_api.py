"""The faults by HTTP: which are in force, how often they were met, and other ones from now on."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, Field

from mock_server.faults import KINDS, ChaosError, Faults, Side

router = APIRouter(prefix="/faults", tags=["Faults"])


class Wanted(BaseModel):
    """`chaos` as in `http500=10%,slow=2s@5%`; empty: no faults. Without a seed the draws go on as they were."""

    chaos: Annotated[str, Field(max_length=2000)]
    seed: int | None = None


class KnownFault(BaseModel):
    name: str
    side: Side
    what: str
    seconds: Annotated[float | None, Field(description="Time it takes unless another is given")]


class InForce(BaseModel):
    chaos: str
    seed: int
    met: Annotated[dict[str, int], Field(description="How often each was met since they were set")]
    known: list[KnownFault]


@router.get("")
async def show(request: Request) -> InForce:
    """The faults in force, and all that there are."""
    return _in_force(request.app.state.faults)


@router.put("")
async def change(request: Request, wanted: Wanted) -> InForce:
    """Other faults from now on."""
    faults: Faults = request.app.state.faults
    try:
        faults.set(wanted.chaos, wanted.seed)
    except ChaosError as error:
        raise HTTPException(422, str(error)) from None
    return _in_force(faults)


def _in_force(faults: Faults) -> InForce:
    known: list[Any] = [
        {"name": name, "side": k.side, "what": k.what, "seconds": k.seconds} for name, k in KINDS.items()
    ]
    return InForce(chaos=faults.chaos, seed=faults.seed, met=dict(faults.met), known=known)
