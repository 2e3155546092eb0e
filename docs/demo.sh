#!/bin/sh
# demo.sh: from nothing to a prediction somewhere else, and to a production that was reviewed.
# `make demo` runs it with the gitreg of this checkout.
#
# Everything happens in a temporary folder, which is removed at the end; no setting of yours is read or changed.
set -eu
docs=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$folder"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

for name in $(env | sed -n 's/^\(\(DVC\|GIT\|GITREG\|XDG\)_[A-Za-z0-9_]*\)=.*/\1/p'); do
    unset "$name"
done
mkdir "$folder/home"
export HOME="$folder/home" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null PYTHONDONTWRITEBYTECODE=1

# become NAME EMAIL: who works from here on
become() {
    export GIT_AUTHOR_NAME="$1" GIT_AUTHOR_EMAIL="$2" GIT_COMMITTER_NAME="$1" GIT_COMMITTER_EMAIL="$2"
}
become 'Ana Analyst' ana@example.org

# say WHAT: a remark between commands
say() {
    printf '\n# %s\n' "$1"
}

# run COMMAND: shows it as it would be typed, and runs it
run() {
    printf '$ %s\n' "$1"
    eval "$1"
}

# refused COMMAND: shows it, and that it does not do what was asked for
refused() {
    printf '$ %s\n' "$1"
    if eval "$1" 2>&1; then
        echo 'this should have been refused' >&2
        exit 1
    fi
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

say 'Promotion. What production asks for is written down on main: an approval, and an accuracy that does not get worse.'
run 'cd ../../here/registry'
cat >>gitreg.yaml <<'POLICY'
stages:
  production:
    approvals: 1
    approvers: [ana@example.org, bo@example.org]
    metrics:
      accuracy: {min: 0.6, not_worse_than_current: 0.01}
POLICY
run 'cat gitreg.yaml'
run 'git commit -q -a -m "What production asks for" && git push -q origin main'

say 'A stage is a file on main, so a promotion is a pull request. On a forge it is the forge'"'"'s; here Git keeps it.'
run 'gitreg promote wine@v1.0.0 production -m "The first one that customers see"'
run 'gitreg pr diff 1'
run 'gitreg pr show 1 | sed "/^### Payloads/,\$d"'

say 'Nobody approved it yet.'
refused 'gitreg pr merge 1'

say 'Bo has a clone of the origin, and another identity.'
run 'cd .. && git clone -q origin.git bo && cd bo'
become 'Bo Reviewer' bo@example.org
run 'gitreg pr list'
run 'gitreg pr review 1 --approve -m "Fine for a start"'

say 'Ana merges. Main, the public record and the pull request change together.'
become 'Ana Analyst' ana@example.org
run 'cd ../registry'
run 'gitreg pr merge 1'
run 'gitreg stages'

say 'Whoever asks for production gets it from now on, wherever they are.'
run 'cd ../../elsewhere'
run 'gitreg -R ../here/origin.git predict wine@production -i rows.csv'

say 'A server answers with it in the protocol of MLflow, and goes along with what production runs.'
echo '$ gitreg -R ../here/origin.git serve wine@production --follow --every 1s &'
gitreg -R ../here/origin.git serve wine@production --follow --every 1s --port 0 2>server.log &
server=$!
until grep -q '^serving ' server.log; do
    kill -0 "$server" || { cat server.log >&2; exit 1; }
    sleep 0.1
done
cat server.log
address=$(sed -n 's/^serving .* on //p' server.log)
cp "$docs/ask.py" .
rows=$PWD/rows.csv ask=$PWD/ask.py
run "python ask.py $address rows.csv"

say 'A better one follows, on the same way.'
run 'cd ../here/registry'
run 'gitreg promote wine@v1.0.1 production -m "A deeper tree"'
run 'cd ../bo'
become 'Bo Reviewer' bo@example.org
run 'gitreg pr review 2 --approve && gitreg pr merge 2'

say 'The server has it within two looks, without having dropped a request.'
tries=0
until python "$ask" "$address" "$rows" | grep -q 'v1.0.1 says'; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || exit 1
    sleep 0.2
done
run "python $ask $address $rows"

say 'A worse one is stopped, whoever approves it.'
become 'Ana Analyst' ana@example.org
run 'cd .. && python train.py 2 && cd registry'
run 'gitreg promote wine@latest production -m "Smaller, and good enough?"'
refused 'gitreg pr merge 3'

say 'And back: the file of the stage as it was before.'
run 'gitreg pr close 3'
run 'gitreg rollback wine production -m "It mistakes Barolo for Barbera"'
run 'cd ../bo'
become 'Bo Reviewer' bo@example.org
run 'gitreg pr review 4 --approve && gitreg pr merge 4'
run 'gitreg stages'

say 'What happened, from the history of main and its records alone.'
run 'gitreg fetch'
run 'gitreg log --stage production wine'
