#!/bin/sh
# Makes the secrets of deploy/compose.yaml in the folder `secrets` beside this file. Those that are there stay.
set -eu
cd "$(dirname "$0")"

random() { head -c 32 /dev/urandom | od -An -vtx1 | tr -d ' \n'; }

# The folder is closed to others, not the files: in a container another user reads them.
umask 077
mkdir -p secrets
umask 022

keep() { # NAME: writes standard input to it, unless it is there.
    if [ -e "secrets/$1" ]; then
        cat >/dev/null
    else
        cat >"secrets/$1.new"
        mv "secrets/$1.new" "secrets/$1"
    fi
}

{ printf fw_ && random; } | keep token   # of the API, which may do everything
random | keep signing-key                # of webhooks
random | keep grafana                    # the password of Grafana's user admin
random | keep s3-secret
secret=$(cat secrets/s3-secret)
keep s3-credentials <<END
[default]
aws_access_key_id = flywheel
aws_secret_access_key = $secret
END
keep s3-identities <<END
{"identities": [{"name": "flywheel", "credentials": [{"accessKey": "flywheel", "secretKey": "$secret"}],
 "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}
END
