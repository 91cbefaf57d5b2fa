"""A Slurm of the tests' own on this machine: two nodes of 4 cores, in a temporary folder, gone with the block. It needs root and Debian's
packages slurmctld, slurmd, slurm-client and munge. To try commands in it: python tests/slurm/cluster.py bash
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

os.environ["PATH"] += f"{os.pathsep}/usr/sbin"  # where Debian has the daemons, and not every user looks
NODES = 2
CONFIGURATION = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
KillWait=2
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
# At once, where a cluster of many users takes its time.
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=1,batch_sched_delay=0
# Cores and memory that the machine may not have: what the scripts ask for has to fit.
SlurmdParameters=config_overrides
{nodes}
PartitionName=tests Nodes=ALL Default=YES
"""


def is_possible() -> bool:
    """Whether there can be a cluster on this machine."""
    return os.geteuid() == 0 and all(shutil.which(name) for name in ("sbatch", "munged", "slurmctld", "slurmd"))


@contextmanager
def cluster() -> Iterator[dict[str, str]]:
    """Start the daemons, and end them and their jobs with the block; gives the environment in which sbatch finds them."""
    # Not pytest's folder: the path of a socket has 107 characters at most.
    with tempfile.TemporaryDirectory(prefix="slurm-") as name, ExitStack() as stack:
        folder, host = Path(name), socket.gethostname().split(".")[0]
        with ExitStack() as sockets:
            free = [sockets.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1] for _ in range(1 + NODES)]
        nodes = "\n".join(
            f"NodeName=node{number} NodeHostname={host} NodeAddr=127.0.0.1 Port={free[number]} CPUs=4 RealMemory=64000"
            for number in range(1, 1 + NODES)
        )
        (folder / "slurm.conf").write_text(CONFIGURATION.format(folder=folder, host=host, controller=free[0], nodes=nodes))
        folder.chmod(0o755)  # as munge wants it; its key is for root alone
        (folder / "key").touch(0o600)
        (folder / "key").write_bytes(os.urandom(128))
        # A user's SBATCH_PARTITION or the like is about another cluster.
        own = {key: value for key, value in os.environ.items() if not key.startswith(("SLURM", "SBATCH", "SQUEUE", "SCANCEL"))}
        environment = own | {"SLURM_CONF": str(folder / "slurm.conf")}

        def start(*words: str) -> None:
            with (folder / "daemons.log").open("ab") as log:
                process = subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=folder, env=environment)
            stack.callback(process.wait)
            stack.callback(process.kill)

        def ask(*words: str) -> str:
            return subprocess.run(words, capture_output=True, text=True, env=environment).stdout.strip()

        def until(is_so: Callable[[], bool]) -> None:
            end = time.monotonic() + 30
            while not is_so():
                logs = "\n".join(path.read_text(errors="replace")[-2000:] for path in sorted(folder.glob("*.log")))
                assert time.monotonic() < end, f"Slurm does not answer:\n{logs}"
                time.sleep(0.2)

        kinds = ("socket", "pid-file", "log-file", "seed-file")
        start("munged", "--foreground", f"--key-file={folder}/key", *(f"--{kind}={folder}/munge.{kind.split('-')[0]}" for kind in kinds))
        until((folder / "munge.socket").exists)
        start("slurmctld", "-D")
        for number in range(1, 1 + NODES):
            start("slurmd", "-D", "-N", f"node{number}")
        until(lambda: ask("sinfo", "--noheader", "--Node", "--format=%T").split() == ["idle"] * NODES)
        try:
            yield environment
        finally:  # the processes of a job are not the daemons' children
            ask("scancel", "--user=root")
            until(lambda: not ask("squeue", "--noheader"))


if __name__ == "__main__":
    with cluster() as surroundings:
        sys.exit(subprocess.run(sys.argv[1:] or ["bash"], env=surroundings).returncode)
