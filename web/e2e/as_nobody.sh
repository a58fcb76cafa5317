#!/bin/sh
# A browser must not run as root: root starts $TESSERA_BROWSER as nobody, whose own its profile then is.
for flag; do
  case $flag in --user-data-dir=*) chown -R nobody "${flag#*=}" && export HOME="${flag#*=}" ;; esac
done
exec setpriv --reuid=nobody --regid=nogroup --clear-groups "$TESSERA_BROWSER" "$@"
