#!/bin/bash
#SBATCH --job-name=temshift-parts
#SBATCH --array=0-49
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=4
#SBATCH --mem-per-cpu=3G
#SBATCH --time=12:00:00

# Makes a study in parts, each by a task of a Slurm array in a folder of its own:
#
#     sbatch docs/clusters/parts.sh STUDY.yaml FOLDER [options of temshift run]
#
# Task number n makes NETWORKS networks (240 if it is not set) from number n x NETWORKS on:
#
#     NETWORKS=100 sbatch --array=0-119 docs/clusters/parts.sh STUDY.yaml FOLDER
#
# Submit the same line again for what a time limit cut off: finished work is kept. Then join the tables:
#
#     temshift results FOLDER/part-*/parts/* --output FOLDER/joined

set -euo pipefail

if [ $# -lt 2 ]; then
    echo "usage: sbatch parts.sh STUDY.yaml FOLDER [options of temshift run]" >&2
    exit 2
fi
study=$1 folder=$2
shift 2

size=${NETWORKS:-240}
first=$((SLURM_ARRAY_TASK_ID * size))

export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 POLARS_MAX_THREADS=1
export PYTHONSAFEPATH=1 # nothing is imported from the folder of the job

exec temshift run "$study" --networks "$first:$((first + size))" --workers "${SLURM_CPUS_PER_TASK:-1}" \
    --output "$folder/part-$(printf %04d "$SLURM_ARRAY_TASK_ID")" "$@"
