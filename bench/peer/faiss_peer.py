"""The peer of the figure `search`: FAISS's HNSW of float32, 16 links on each level and 32 on the lowest, cosine, on as many threads as there are cores.

    faiss_peer.py ROWS.npy QUERIES.npy TRUTH.json RECALL    JSON: seconds of building, recall@10, milliseconds of a query

Building takes efConstruction 128, as finch does; the effort of a query is the smallest power of two that finds as much as RECALL
but for a thousandth, or 4096.
"""

import json
import sys
import time

import faiss
import numpy

rows_file, queries_file, truth_file, wanted = sys.argv[1:]
rows = numpy.load(rows_file, mmap_mode="r")
queries = numpy.ascontiguousarray(numpy.load(queries_file))
faiss.normalize_L2(queries)
truth = [set(found) for found in json.load(open(truth_file))]

index = faiss.IndexHNSWFlat(rows.shape[1], 16, faiss.METRIC_INNER_PRODUCT)
index.hnsw.efConstruction = 128
started = time.perf_counter()
for start in range(0, len(rows), 65536):
    # A copy: the file is mapped to be read alone.
    block = numpy.array(rows[start : start + 65536])
    faiss.normalize_L2(block)
    index.add(block)
building = time.perf_counter() - started

recall, effort, query = 0.0, 16, 0.0
while recall < float(wanted) - 0.001 and effort < 4096:
    effort *= 2
    index.hnsw.efSearch = effort
    times, hits = [], 0
    for i in range(len(queries)):
        before = time.perf_counter()
        _, found = index.search(queries[i : i + 1], 10)
        times.append(time.perf_counter() - before)
        hits += len(truth[i].intersection(found[0].tolist()))
    recall = hits / (10 * len(queries))
    query = 1000 * sorted(times)[len(times) // 2]
print(json.dumps({"name": f"FAISS {faiss.__version__}, efSearch {effort}", "building": building, "recall": recall, "query": query}))
