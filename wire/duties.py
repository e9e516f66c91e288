"""What a duty card may stand for: a village auxiliary's eight duties, volunteers' acts, and a site's own."""

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta, Struct

from wire.limits import END
from wire.words import Fault

DutyId = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,63}" + END)]
Title = Annotated[str, Meta(min_length=1, max_length=100)]


class DutyKind(Struct, frozen=True, forbid_unknown_fields=True):
    """One duty: `id` stands in records and configurations, the names are for people."""

    id: DutyId
    zh: Title
    en: Title


AUXILIARY = (
    DutyKind("patrol", "治安巡逻防范", "patrol and prevention"),
    DutyKind("mediation", "矛盾纠纷调解", "dispute mediation"),
    DutyKind("crime-info", "违法犯罪线索收集", "crime information"),
    DutyKind("safety", "灾害与应急安全", "disaster and emergency safety"),
    DutyKind("social", "社情民意收集", "social conditions"),
    DutyKind("traffic", "交通安全劝导", "traffic safety"),
    DutyKind("service", "便民服务", "service to residents"),
    DutyKind("data", "基础信息采集", "basic data collection"),
)
VOLUNTEER = (
    DutyKind("escort", "护学护行", "escorting pupils and the frail"),
    DutyKind("visit", "走访慰问", "visiting people who live alone"),
    DutyKind("fire-watch", "防火巡查", "fire watch"),
    DutyKind("publicity", "安全宣传", "safety publicity"),
    DutyKind("cleanup", "清扫清障", "clearing paths and snow"),
    DutyKind("event", "活动秩序维护", "keeping order at an event"),
)


def duty_table(own: Iterable[DutyKind] = ()) -> dict[str, DutyKind]:
    """All duties by id; a site's `own` come after ours. Raises `Fault` for an id that is given twice."""
    table: dict[str, DutyKind] = {}
    for kind in (*AUXILIARY, *VOLUNTEER, *own):
        if kind.id in table:
            raise Fault(
                f"职责 {kind.id!r} 已有（{table[kind.id].zh}）；请换一个 id",
                f"the duty {kind.id!r} is there already ({table[kind.id].en}); choose another id",
            )
        table[kind.id] = kind
    return table
