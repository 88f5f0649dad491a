#!/usr/bin/env bash
# What waits for a GPU, in the order of its worth.
#
#   SKSEMI_DATA=DIR [OUT=FOLDER] [LIMIT=SECONDS] bash examples/papers/gpu.sh [PART ...]
#
# Every part ends by itself after LIMIT seconds (520) at the latest. One that did not get
# to its end goes on from its checkpoint when called again; one that did is not run twice.
# Lines, checkpoints and logs are in OUT (examples/papers/runs/gpu): copy that folder back
# to go on. Without names all parts are run in turn; --list names them, with commands.
set -uo pipefail
cd "$(dirname "$0")/../.."
out=${OUT:-examples/papers/runs/gpu}
limit=${LIMIT:-520}
device=${DEVICE:-cuda}

parts=()
declare -A command_of
part() { # name, command
    parts+=("$1")
    command_of[$1]=$2
}
paper() { # name, script, arguments
    part "$1" "python examples/papers/$2.py --device $device ${*:3} \
--out $out/$2.jsonl --checkpoint $out/$1.skops"
}

part tests "python -m pytest -q -n 0 -m gpu tests"
part steps-mlp "python examples/benchmarks/overhead.py --device $device"
part steps-conv "python examples/benchmarks/overhead.py --device $device --network conv"
# the tables of the papers, at their length
for draw in 0 1 2 3 4; do
    paper "gmvae-mnist-$draw" gmvae --dataset mnist --epochs 200 --seed "$draw"
    paper "catvae-mnist-$draw" catvae --dataset mnist --epochs 100 --seed "$draw"
done
paper acol-mnist acol --dataset mnist --epochs 50 --passes 8
paper cagem-mnist-0 cagem --labels 0 --epochs 1000 --importance 5000
paper cagem-mnist-100 cagem --labels 100 --epochs 1000 --importance 5000
for draw in 0 1 2; do
    paper "gmvae-fashion-$draw" gmvae --dataset fashion-mnist --epochs 200 --seed "$draw"
done
# our defaults on the same
for draw in 0 1 2 3 4; do
    for script in gmvae catvae; do
        for dataset in mnist fashion-mnist; do
            paper "$script-$dataset-ours-$draw" "$script" --dataset "$dataset" \
                --recipe ours --epochs 100 --seed "$draw"
        done
    done
done

if [ "${1:-}" = --list ]; then
    for name in "${parts[@]}"; do
        echo "$name: ${command_of[$name]}"
    done
    exit
fi
for name in "$@"; do
    if [ -z "${command_of[$name]:-}" ]; then
        echo "There is no part $name: see --list." >&2
        exit 2
    fi
done
[ $# -gt 0 ] && parts=("$@")
mkdir -p "$out"
for name in "${parts[@]}"; do
    [ -e "$out/$name.done" ] && continue
    echo "== $name"
    # Ctrl-C, on which the scripts keep the last whole epoch; then, where it is ignored,
    # what nothing ignores
    timeout -s INT -k 30 "$limit" bash -c "exec ${command_of[$name]}" \
        >>"$out/$name.log" 2>&1
    case $? in
    0) touch "$out/$name.done" ;;
    *) echo "   not at its end yet: $(tail -n 1 "$out/$name.log")" ;;
    esac
done
