#!/bin/sh
# demo.sh: from nothing to a prediction somewhere else. `make demo` runs it with the gitreg of this checkout.
#
# Everything happens in a temporary folder, which is removed at the end; no setting of yours is read or changed.
set -eu
docs=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

for name in $(env | sed -n 's/^\(\(DVC\|GIT\|GITREG\|XDG\)_[A-Za-z0-9_]*\)=.*/\1/p'); do
    unset "$name"
done
mkdir "$folder/home"
export HOME="$folder/home" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null PYTHONDONTWRITEBYTECODE=1
export GIT_AUTHOR_NAME='Ana Analyst' GIT_AUTHOR_EMAIL=ana@example.org
export GIT_COMMITTER_NAME="$GIT_AUTHOR_NAME" GIT_COMMITTER_EMAIL="$GIT_AUTHOR_EMAIL"

# say WHAT: a remark between commands
say() {
    printf '\n# %s\n' "$1"
}

# run COMMAND: shows it as it would be typed, and runs it
run() {
    printf '$ %s\n' "$1"
    eval "$1"
}

mkdir "$folder/here"
cd "$folder/here"
cp "$docs/train.py" .

say 'A registry is a Git repository. Its origin, where everybody finds it, is another: here a folder.'
run 'gitreg init registry --origin origin.git'

say 'A script trains a model, logs what it did, and registers the result.'
run 'cat train.py'
run 'python train.py 1'
run 'python train.py 3'

say 'What is there now?'
run 'cd registry'
run 'gitreg ls'
run 'gitreg ls wine'
run 'gitreg runs --where "metrics.accuracy > 0.8"'

say 'What changed from one version to the next, and what is the newest?'
run 'gitreg diff wine@v1.0.0 wine@v1.0.1'
run 'gitreg show wine@latest'

say 'Somewhere else, knowing nothing but the address of the origin: fetch the newest model, and predict with it.'
mkdir "$folder/elsewhere"
run 'cd ../../elsewhere'
run 'gitreg -R ../here/origin.git pull wine@latest served'
cat >rows.csv <<'ROWS'
alcohol,flavanoids,color_intensity,proline
13.2,2.76,4.38,1050
12.4,2.2,2.5,500
13.1,0.7,9.1,630
ROWS
run 'cat rows.csv'
run 'gitreg -R ../here/origin.git predict wine@latest -i rows.csv'

say 'What was pulled is a plain MLflow Models directory, and says itself whether it is whole.'
run 'cd served'
run 'sha256sum -c SHA256SUMS'
