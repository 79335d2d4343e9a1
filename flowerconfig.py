"""flower's settings, which it reads by itself from where it is started. Everything else stands on its command line."""

import sys

from dashboard import env

try:
    basic_auth = env.flower_basic_auth()
except env.InvalidEnvironment as exc:
    sys.exit(f"error: {exc}")
if not basic_auth and "--address=127.0.0.1" not in sys.argv:
    sys.exit("error: FLOWER_BASIC_AUTH: user:password is needed where flower listens beyond this machine")

tasks_columns = "name,args,kwargs,state,received,runtime,worker"
