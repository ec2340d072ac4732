#!/bin/sh
# The user of every image: 1000:1000 where nobody says otherwise, any `--user uid:gid` else. A home that whoever comes can write to, since
# a uid that no one here knows has none, and libraries keep their caches below it.
set -eu
mkdir -p /home/edgeseg
chmod 1777 /home/edgeseg
grep -q '^[^:]*:[^:]*:1000:' /etc/passwd || echo 'edgeseg:x:1000:1000:edgeseg:/home/edgeseg:/bin/sh' >>/etc/passwd
grep -q '^[^:]*:[^:]*:1000:' /etc/group || echo 'edgeseg:x:1000:' >>/etc/group
