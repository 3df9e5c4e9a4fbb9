"""The peer of the head benchmark: a head on made-up rows that are held in memory, in PyTorch, on two threads unless told otherwise.

    head_peer.py converged|closed ROWS NUMBERS CLASSES PASSES    seconds, without importing torch and making the rows up

converged: multinomial logistic regression by torch.optim.LBFGS, full batches, so many iterations. closed: the sums of linear
discriminant analysis, and its solution for one ridge.
"""

import os
import sys
import time

import torch

torch.set_num_threads(int(os.environ.get("FINCH_BENCH_THREADS", "2")))


def made_up(rows, numbers, classes):
    generator = torch.Generator().manual_seed(1)
    means = 0.7 * (torch.rand(classes, numbers, generator=generator) - 0.5)
    labels = torch.arange(rows) % classes
    features = torch.empty(rows, numbers)
    for start in range(0, rows, 4096):
        own = labels[start : start + 4096]
        noise = torch.rand(len(own), numbers, generator=generator) - 0.5
        features[start : start + 4096] = (means[own] + noise).clamp_(min=0)
    return features, labels


def converged(x, y, classes, passes):
    x -= x.mean(0)
    x /= x.std(0)
    rows = len(x)
    kernel = torch.zeros(classes, x.shape[1], requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [kernel, bias], max_iter=passes, max_eval=2 * passes, history_size=5, line_search_fn="strong_wolfe", tolerance_grad=1e-4
    )

    def closure():
        optimizer.zero_grad()
        total = 0.0
        # In pieces, so that the logits of all rows need not be held.
        for start in range(0, rows, 16384):
            own = y[start : start + 16384]
            logits = torch.addmm(bias, x[start : start + 16384], kernel.T)
            loss = torch.nn.functional.cross_entropy(logits, own, reduction="sum") / rows
            loss.backward()
            total += loss.item()
        penalty = (kernel**2).sum() / (2 * rows)
        penalty.backward()
        return total + penalty.item()

    optimizer.step(closure)


def closed(x, y, classes):
    rows, numbers = x.shape
    mean = x.mean(0)
    x -= mean
    sums = torch.zeros(classes, numbers).index_add_(0, y, x)
    counts = torch.bincount(y, minlength=classes).clamp(min=1)
    means = sums / counts[:, None]
    within = (x.T @ x).double() / rows - (means.T @ (means * (counts / rows)[:, None])).double()
    ridge = 0.1 * within.diagonal().mean() * torch.eye(numbers, dtype=torch.float64)
    return torch.linalg.solve(within + ridge, means.T.double())


def main():
    method, rows, numbers, classes, passes = sys.argv[1], *map(int, sys.argv[2:6])
    x, y = made_up(rows, numbers, classes)
    began = time.time()
    if method == "closed":
        closed(x, y, classes)
    else:
        converged(x, y, classes, passes)
    print(time.time() - began)


main()
