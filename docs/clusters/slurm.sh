#!/bin/bash
#SBATCH --job-name=temshift
#SBATCH --ntasks=16
#SBATCH --cpus-per-task=1
#SBATCH --mem-per-cpu=3G
#SBATCH --time=1-00:00:00

# Runs a study on the processors or GPUs of a Slurm job, one temshift worker a task:
#
#     sbatch docs/clusters/slurm.sh STUDY.yaml [options of temshift run]
#
# Options of sbatch before the script replace those above, for instance one worker a GPU:
#
#     sbatch --ntasks=8 --gpus-per-task=1 --cpus-per-task=4 docs/clusters/slurm.sh STUDY.yaml --device cuda
#
# Submit it from a folder that all nodes see, with the environment active that has temshift[cluster].
# When the time is up, submit the same line again: finished work is kept.

set -euo pipefail

if [ $# -lt 1 ]; then
    echo "usage: sbatch slurm.sh STUDY.yaml [options of temshift run]" >&2
    exit 2
fi

# What the parts of this run tell each other: a folder on the shared disk that only you can read.
shared=$(mktemp -d "$PWD/.temshift-cluster-XXXXXX")
scheduler_file=$shared/scheduler.json
scheduler='' workers=''

end() { # ask a process to end, and make it after 10 s
    kill "$1" 2>/dev/null || return 0
    for _ in {1..100}; do
        kill -0 "$1" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -KILL "$1" 2>/dev/null || true
}

finish() { # the workers first: one that cannot tell its scheduler stays for a while
    trap - EXIT INT TERM
    for process in $workers $scheduler; do
        end "$process"
    done
    rm -rf "$shared"
}
trap finish EXIT
trap 'exit 143' INT TERM

# A scheduler runs whatever it is sent, so it talks only to holders of the key of this run (TLS, both ways).
openssl req -x509 -newkey rsa:3072 -nodes -days 60 -subj /CN=temshift \
    -keyout "$shared/key.pem" -out "$shared/certificate.pem" 2>"$shared/openssl.log" ||
    {
        cat "$shared/openssl.log" >&2
        exit 1
    }
export DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION=True
export DASK_DISTRIBUTED__COMM__TLS__CA_FILE=$shared/certificate.pem
for role in SCHEDULER WORKER CLIENT; do
    export "DASK_DISTRIBUTED__COMM__TLS__${role}__CERT=$shared/certificate.pem"
    export "DASK_DISTRIBUTED__COMM__TLS__${role}__KEY=$shared/key.pem"
done

# One thread a worker; a task whose worker dies goes to one other worker before temshift tries it again itself.
export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 POLARS_MAX_THREADS=1
export DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES=1
export SRUN_CPUS_PER_TASK=${SLURM_CPUS_PER_TASK:-1}  # srun no longer takes it from sbatch by itself

# Nothing is imported from the folder of the job but what is asked for.
export PYTHONSAFEPATH=1

# A job of one node stays on loopback. One of several needs a network, which the key guards: INTERFACE=ib0 and the
# like name it, if nodes have several. The web servers, which no key guards, stay on loopback.
common=(--protocol tls --scheduler-file "$scheduler_file" --no-dashboard --dashboard-address 127.0.0.1:0)
if [ -n "${INTERFACE:-}" ]; then
    common+=(--interface "$INTERFACE")
elif [ "${SLURM_JOB_NUM_NODES:-${SLURM_NNODES:-0}}" = 1 ]; then
    common+=(--host 127.0.0.1)
fi

dask scheduler "${common[@]}" --port 0 &
scheduler=$!
until [ -s "$scheduler_file" ]; do
    if ! kill -0 "$scheduler" 2>/dev/null; then
        echo "the scheduler did not start" >&2
        exit 1
    fi
    sleep 0.5
done

# Slurm watches the memory, so Dask need not; a worker that dies is started again by its nanny.
srun --kill-on-bad-exit=0 dask worker "${common[@]}" --nthreads 1 --nworkers 1 --memory-limit 0 \
    --local-directory "${TMPDIR:-/tmp}" --death-timeout 120 &
workers=$!

temshift run "$@" --scheduler "$scheduler_file"
