"""A real Slurm on this machine alone: a controller and two nodes, with a configuration, keys, ports and folders of their own.

test_slurm.py uses it. By hand, to try the scripts; it ends with the shell:

    python tests/slurm/cluster.py bash
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

DAEMONS = ("munged", "slurmctld", "slurmd")
os.environ["PATH"] += f"{os.pathsep}/usr/sbin"  # where Debian has them, and not every user looks
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


def why_not() -> str | None:
    """Why there can be no cluster on this machine, in words."""
    if not shutil.which("sbatch"):
        return "there is no Slurm here; on Debian: apt-get install slurmctld slurmd slurm-client munge"
    if missing := [name for name in DAEMONS if not shutil.which(name)]:
        return f"Slurm is here, but not what starts one of our own: {', '.join(missing)}"
    if os.geteuid() != 0:
        return "Slurm is here, but only root can start one of our own"
    return None


def _free_ports(number: int) -> list[int]:
    """Ports that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextmanager
def cluster() -> Iterator[dict[str, str]]:
    """Start the daemons, and end them and their jobs with the block; gives the environment in which sbatch finds them."""
    # Not pytest's folder: the path of a socket has 107 characters at most.
    with tempfile.TemporaryDirectory(prefix="slurm-") as name, ExitStack() as stack:
        folder, host = Path(name), socket.gethostname().split(".")[0]
        controller, *ports = _free_ports(1 + NODES)
        nodes = [
            f"NodeName=node{number} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=4 RealMemory=64000"
            for number, port in enumerate(ports, start=1)
        ]
        configuration = folder / "slurm.conf"
        configuration.write_text(CONFIGURATION.format(folder=folder, host=host, controller=controller, nodes="\n".join(nodes)))
        folder.chmod(0o755)  # as munge wants it; its key is for root alone
        (folder / "key").touch(0o600)
        (folder / "key").write_bytes(os.urandom(128))
        # A user's SBATCH_PARTITION or the like is about another cluster.
        own = {key: value for key, value in os.environ.items() if not key.startswith(("SLURM", "SBATCH", "SQUEUE", "SCANCEL"))}
        environment = own | {"SLURM_CONF": str(configuration)}

        def start(*words: str) -> subprocess.Popen:
            with (folder / "daemons.log").open("ab") as log:
                process = subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=folder, env=environment)
            stack.callback(_end, process)
            return process

        def files(*kinds: str) -> list[str]:
            return [f"--{kind}={folder}/munge.{kind.split('-')[0]}" for kind in kinds]

        daemons = [start("munged", "--foreground", f"--key-file={folder}/key", *files("socket", "pid-file", "log-file", "seed-file"))]
        _until(lambda: (folder / "munge.socket").exists(), daemons, folder)
        daemons.append(start("slurmctld", "-D"))
        daemons += [start("slurmd", "-D", "-N", f"node{number}") for number in range(1, NODES + 1)]
        states = ["sinfo", "--noheader", "--Node", "--format=%T"]
        is_up = lambda: subprocess.run(states, capture_output=True, text=True, env=environment).stdout.split() == ["idle"] * NODES  # noqa: E731
        _until(is_up, daemons, folder)
        stack.callback(_end_jobs, environment)
        yield environment


def _end_jobs(environment: dict[str, str]) -> None:
    """Cancel what still runs or waits, and see it gone: the processes of a job are not the daemons' children."""
    subprocess.run(["scancel", "--user=root"], env=environment, capture_output=True)
    for _ in range(100):
        if not subprocess.run(["squeue", "--noheader"], capture_output=True, text=True, env=environment).stdout.strip():
            break
        time.sleep(0.1)


def _end(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _until(is_so, daemons: list[subprocess.Popen], folder: Path, seconds: float = 30) -> None:
    """Wait for something; RuntimeError with the daemons' logs if a daemon ends or it takes too long."""
    start = time.monotonic()
    while not is_so():
        if time.monotonic() - start > seconds or any(process.poll() is not None for process in daemons):
            logs = "\n".join(f"{path.name}:\n{path.read_text(errors='replace')[-2000:]}" for path in sorted(folder.glob("*.log")))
            raise RuntimeError(f"Slurm does not start:\n{logs}")
        time.sleep(0.2)


if __name__ == "__main__":
    if reason := why_not():
        sys.exit(reason)
    with cluster() as surroundings:
        sys.exit(subprocess.run(sys.argv[1:] or ["bash"], env=surroundings).returncode)
