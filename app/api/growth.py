"""Figures of growth by day: entered one by one, or imported from a table."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from app.api.csv_files import FILE, csv_file
from app.api.deps import After, Limit, PathId, PrincipalDep, ServicesDep
from app.api.description import told
from app.services.growth import GrowthCreate, GrowthPublic, GrowthUpdate, Metric
from app.services.growth_import import GrowthImported
from app.services.growth_reading import GrowthImportRequest
from app.services.shapes import Listing

router = APIRouter(tags=["growth"])

OfArtist = Annotated[str | None, Query(max_length=64, description="An artist's id; without it those of all.")]


@router.get("/growth", operation_id="list_growth", responses=told(404), summary="One's figures, the newest day first")
def figures(
    principal: PrincipalDep,
    services: ServicesDep,
    metric: Annotated[Metric | None, Query(description="These alone.")] = None,
    artist_id: OfArtist = None,
    limit: Limit = 50,
    after: After = None,
) -> Listing[GrowthPublic]:
    return services.growth.list(principal, metric=metric, artist_id=artist_id, limit=limit, after=after)


@router.post(
    "/growth",
    operation_id="add_growth",
    status_code=201,
    responses=told(404, 409),
    summary="Keep what was counted on a day",
)
def add(body: GrowthCreate, principal: PrincipalDep, services: ServicesDep) -> GrowthPublic:
    """One figure for each day, metric, artist, platform and currency; another one is refused with 409."""
    return services.growth.add(principal, body)


@router.get(
    "/growth.csv",
    operation_id="download_growth",
    response_class=Response,
    responses=FILE,
    summary="All of one's figures as a table, which can be imported again",
)
def table(principal: PrincipalDep, services: ServicesDep) -> Response:
    return csv_file(services.growth.table(principal), "growth")


@router.post(
    "/growth/import",
    operation_id="import_growth",
    responses=told(404, 409),
    summary="Keep the figures of a table that another program exported",
)
def take(body: GrowthImportRequest, principal: PrincipalDep, services: ServicesDep) -> GrowthImported:
    """Columns, days and numbers are read from the table itself as far as they can be; what cannot be is told by row. What
    is kept already is not added again. Send `preview` first to see what would be done."""
    return services.growth_import.run(principal, body)


@router.patch("/growth/{figure_id}", operation_id="update_growth", responses=told(409), summary="Change a figure")
def change(figure_id: PathId, body: GrowthUpdate, principal: PrincipalDep, services: ServicesDep) -> GrowthPublic:
    return services.growth.change(principal, figure_id, body)


@router.delete("/growth/{figure_id}", operation_id="delete_growth", status_code=204, summary="Delete a figure")
def delete(figure_id: PathId, principal: PrincipalDep, services: ServicesDep) -> Response:
    services.growth.delete(principal, figure_id)
    return Response(status_code=204)
