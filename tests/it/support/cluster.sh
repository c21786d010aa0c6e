# Runs one PostgreSQL for as long as any test holds the lease, and not much longer.
#
# Called as: sh cluster.sh FOLDER LEASE COMMAND…, in a session of its own. FOLDER is removed at the
# end; COMMAND is the server. A test that begins while the server is being ended waits for the lease,
# and then starts another one.
set -u
folder=$1 lease=$2
shift 2
"$@" >"$folder/log" 2>&1 &
server=$!
while :; do
    flock --exclusive "$lease" true
    # Between two tests nobody may hold it for a moment.
    sleep 3
    exec 9<"$lease"
    flock --exclusive --nonblock 9 && break
    exec 9<&-
done
# At once: nothing in it is worth to be kept.
kill -QUIT "$server"
wait "$server"
rm -rf "$folder"
