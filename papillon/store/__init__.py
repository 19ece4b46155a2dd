"""The store of recorded calls: every model call is recorded once and replayed ever after.

One room per matter: what a call and its record are (records), the one form that diskcache may keep (disk), the database
of a folder (database), its errors (failures) and how long another's lock is waited for (patience), reading and writing
(store), the same for the tasks of an event loop (keeper), one caller per key over all processes (locks) and who that is
(holder), text that travels (transfer), damage (check) and its repair (repair), what a journal still holds (journal) and
the records that stand in the pages of a damaged database (pages), the recorded call nearest to a miss (nearest), and
which calls a finished row rests on (finished).
"""

from papillon.store.check import Damage, Report, check
from papillon.store.finished import FinishedRows, Named
from papillon.store.keeper import Keeper
from papillon.store.locks import KeyLocks
from papillon.store.nearest import Nearest, Neighbours
from papillon.store.records import Answer, Call, Record, Usage, canonical_json
from papillon.store.repair import repair
from papillon.store.store import Store
from papillon.store.transfer import Imported, export_records, export_used, import_files, import_records

__all__ = [
    "Answer",
    "Call",
    "Damage",
    "FinishedRows",
    "Imported",
    "Keeper",
    "KeyLocks",
    "Named",
    "Nearest",
    "Neighbours",
    "Record",
    "Report",
    "Store",
    "Usage",
    "canonical_json",
    "check",
    "export_records",
    "export_used",
    "import_files",
    "import_records",
    "repair",
]
