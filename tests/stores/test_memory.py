"""What the stores load: a service that waits must stay small."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from driftwatch.core.table import Names
from driftwatch.ports import Outstanding
from driftwatch.stores.spool import SqliteSpool
from driftwatch.stores.state import SqlState
from driftwatch.testing import prediction_batch

WRITE_AND_READ_EVERYTHING = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from driftwatch.stores.log import ParquetLog
from driftwatch.stores.spool import SqliteSpool
from driftwatch.stores.state import SqlState
from driftwatch.testing import label_batch, prediction_batch

folder = Path(sys.argv[1])
spool = SqliteSpool(folder / "spool.db")
state = SqlState.open(f"sqlite:///{folder}/state.db")
log = ParquetLog(folder / "log")
for batch in (prediction_batch(["a", "b"], {"x": [1.0, None], "c": ["u", None]}), label_batch(["a"], ["late"])):
    spool.append(batch, datetime.now(UTC)).result()
files = log.write(spool.read(0, 100))
assert len(list(log.read_predictions([one for one in files if one.kind == "predictions"], None, None))) == 1
assert len(list(log.read_labels([one for one in files if one.kind == "labels"]))) == 1
with state.transaction() as transaction:
    transaction.add_log_files(files)
spool.close()
state.close()
print("pandas" in sys.modules)
"""


OPEN_WHAT_HOLDS_IDS = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from driftwatch.stores.spool import SqliteSpool
from driftwatch.stores.state import SqlState
from driftwatch.testing import prediction_batch

folder = Path(sys.argv[1])
spool = SqliteSpool(folder / "spool.db")
spool.append(prediction_batch(["a", "e"], {"x": [1.0, 2.0]}), datetime.now(UTC)).result()
spool.remove_through(spool.last_sequence())
spool.close()
SqlState.open(f"sqlite:///{folder}/state.db").close()
print("numba" in sys.modules)
"""


def test_the_first_events_of_a_service_that_comes_back_wait_for_no_compiled_loops_to_load(tmp_path: Path) -> None:
    received = datetime.now(UTC)
    spool, state = SqliteSpool(tmp_path / "spool.db"), SqlState.open(f"sqlite:///{tmp_path}/state.db")
    with closing(spool), closing(state):
        for ids in (["a", "b"], ["c"], ["d"]):
            spool.append(prediction_batch(ids), received).result()
            with state.transaction() as transaction:
                one = Outstanding(
                    prediction_ids=ids,
                    model_version="1",
                    segments=Names.of([""] * len(ids)),
                    event_time=np.zeros(len(ids), dtype=np.int64),
                    values=np.zeros((len(ids), 1)),
                )
                transaction.add_outstanding("m", one)
    command = [sys.executable, "-c", OPEN_WHAT_HOLDS_IDS, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_all_stores_work_without_loading_pandas(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITE_AND_READ_EVERYTHING, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("False\n", "")
