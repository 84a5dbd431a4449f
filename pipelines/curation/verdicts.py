"""The faults of a view by bit, and which members of a component of duplicates are worse than what survives of it.

Order of faults, and so which one is called the first:
1. `tombstoned`: withdrawn by its owner, nothing else matters;
2. `not_measured`: a rule could not be asked;
3. `repeated_uid`: the same sample came with an earlier snapshot of the pool; no rule sees it;
4. the policy's rules, in column order;
5. `near_held_out`: before duplicates, so that the held-out twin and not the training twin survives;
6. `contaminated`: close to what an evaluation set holds;
7. duplicates, kind by kind: the best of those that survived everything above are kept, so that a rule that drops the
   best picture of a thing does not drop the thing.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import duckdb

from pipelines.curation.duplicates.settings import FAULTS as FAULT_OF_KIND
from pipelines.curation.queries import fill_sql
from pipelines.errors import PolicyError

BEFORE = ("tombstoned", "not_measured", "repeated_uid")
AFTER = ("near_held_out", "contaminated")
MAX_FAULTS = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Faults:
    """The names of a view's faults by bit."""

    names: tuple[str, ...]

    def bit(self, name: str) -> int:
        """The number whose only bit is that of the fault."""
        return 1 << self.names.index(name)

    @property
    def first_rule(self) -> int:
        """Position of the policy's first rule."""
        return len(BEFORE)

    def first_fault_sql(self, kind: str, *, possible: Collection[str] | None = None) -> str:
        """The name of the lowest bit of `faults`, of the ENUM `kind`; null where there is none. Only what is `possible`
        is asked for, each at the price of a pass over the rows that are not kept."""
        names = [(bit, name) for bit, name in enumerate(self.names) if possible is None or name in possible]
        whens = " ".join(f"when faults & {1 << bit}::ubigint <> 0 then '{name}'" for bit, name in names)
        return f"(case when faults = 0 then null {whens} end)::{kind}"


def faults_of(rules: Sequence[str], kinds: Sequence[str]) -> Faults:
    """All faults in the order in which they are judged; `kinds` of duplicates in any order."""
    duplicates = [fault for kind, fault in FAULT_OF_KIND.items() if kind in kinds]
    taken = set(rules) & {*BEFORE, *AFTER, *FAULT_OF_KIND.values()}
    if taken:
        raise PolicyError(f"fault {min(taken)}: the engine decides it itself. Give the rule another name.")
    names = (*BEFORE, *rules, *AFTER, *duplicates)
    if len(names) > MAX_FAULTS:
        raise PolicyError(
            f"{len(rules)} rules: at most {MAX_FAULTS - len(names) + len(rules)} fit the bit vector. Join some by `or`."
        )
    return Faults(names=names)


def mark_duplicates(
    connection: duckdb.DuckDBPyConnection, faults: Faults, *, caps: Mapping[str, int] | None = None
) -> None:
    """Insert into `marks` (uid, bits) those of `members` that are worse than enough survivors of their component.

    `members`: uid, kind, component, rank, preference, bits (all that was decided before). Kind by kind; one that falls
    as a duplicate of one kind does not survive for the next. `caps` says how many of a component are kept, by kind
    (default 1). Members of one rank are one thing: kept or dropped together, by the highest preference among them.
    """
    for kind, fault in FAULT_OF_KIND.items():
        if fault in faults.names:
            parts = {"kind": f"'{kind}'", "cap": str((caps or {}).get(kind, 1)), "bit": str(faults.bit(fault))}
            connection.execute(f"create or replace temp table worse as {fill_sql('worse_duplicates', **parts)}")
            connection.execute("insert into marks select uid, bits from worse")
            connection.execute(
                "update members set bits = members.bits | worse.bits from worse where members.uid = worse.uid"
            )
