#!/usr/bin/env bash
# Optimise the pictures that changed since $BASE, in place: what the GitHub action runs. Everything comes in by
# environment variables, so that no name of a file or branch is ever read as a command.
set -euo pipefail

readarray -t paths < <(printf '%s\n' "${PATHS:-.}" | sed '/^[[:space:]]*$/d')
done_list=${DONE_LIST:-.pixlean-done}
table=$(mktemp)
endings='\.(png|apng|jpe?g|jpe|jfif|webp|gif|svgz?|avif|hei[cf]|hif|tiff?|bmp|dib|jxl)$'

# Without the old commit (a shallow clone, a new branch) everything is looked at: what is done is skipped all the same.
if [[ -n ${BASE:-} && $BASE != all && $BASE != -* ]] && git cat-file -e "$BASE^{commit}" 2>/dev/null; then
  list=(git diff -z --name-only --diff-filter=AMR "$BASE" -- "${paths[@]}")
else
  list=(git ls-files -z -- "${paths[@]}")
fi
status=0
"${list[@]}" | { grep -zEi "$endings" || true; } | xargs -0 -r pixlean optimize --in-place --quality "${QUALITY:-80}" \
  --min-savings "${MIN_SAVINGS:-2}" --done-list "$done_list" --summary "$table" -- || status=$?

[[ -e $done_list ]] && git add --intent-to-add -- "$done_list"
changed=false
git diff --quiet || changed=true
[[ -s $table ]] || printf 'No picture was changed.\n' > "$table"
cat "$table" >> "${GITHUB_STEP_SUMMARY:-/dev/stdout}"
printf 'changed=%s\nsummary=%s\n' "$changed" "$table" >> "${GITHUB_OUTPUT:-/dev/null}"
# A picture that failed ends the step; what was done is there all the same.
[[ $status -eq 0 ]] || exit 1
