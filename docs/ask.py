"""Asks a server for predictions: python ask.py ADDRESS FILE.csv"""

import sys
import urllib.request

address, file = sys.argv[1:]
with open(file, "rb") as rows:
    question = urllib.request.Request(f"{address}/invocations", rows.read(), {"Content-Type": "text/csv"})
with urllib.request.urlopen(question) as answer:
    print(answer.headers["X-Gitreg-Version"], "says", answer.read().decode())
