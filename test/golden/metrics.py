"""Golden figures of test/train/metrics.test.ts: scikit-learn and torch on made-up scores.

Run in a Python with torch and scikit-learn: python metrics.py  (writes metrics.json)
"""

import json
import pathlib

import numpy as np
import sklearn
import torch
from lcg import fnv1a, uniforms
from sklearn import metrics as M

N, K = 60, 7
raw = uniforms(fnv1a("scores"), N * K).reshape(N, K)
truth = np.floor(uniforms(fnv1a("truth"), N) * (K - 1)).astype(int)  # the last class never occurs
logits = np.float32(6 * raw - 3)
logits[np.arange(N), truth] += np.float32(1.5)
logits = torch.tensor(logits)
target = torch.tensor(truth)
predicted = logits.argmax(1).numpy()

log_t = torch.zeros(1, dtype=torch.float64, requires_grad=True)
lbfgs = torch.optim.LBFGS([log_t], lr=0.5, max_iter=200, tolerance_grad=1e-12, tolerance_change=1e-14)


def closure():
    lbfgs.zero_grad()
    loss = torch.nn.functional.cross_entropy(logits.double() / log_t.exp(), target)
    loss.backward()
    return loss


lbfgs.step(closure)


def ece(bins: int = 15) -> float:
    p, k = torch.softmax(logits.double(), 1).max(1)
    right = (k == target).double()
    result = 0.0
    for low in np.linspace(0, 1, bins + 1)[:-1]:
        inside = (p > low) & (p <= low + 1 / bins)
        if inside.any():
            result += float(inside.double().mean() * (right[inside].mean() - p[inside].mean()).abs())
    return result


multi = (uniforms(fnv1a("multi"), N * K).reshape(N, K) < 0.3).astype(int)
scores = np.round((0.6 * raw + 0.4 * multi) * 50) / 50  # with ties
said = (scores >= 0.5).astype(int)
precision, recall, f1, support = M.precision_recall_fscore_support(
    truth, predicted, labels=range(K), zero_division=0)  # fmt: skip

golden = {
    "sklearn": sklearn.__version__, "torch": torch.__version__, "count": N, "classes": K,
    "top1": M.accuracy_score(truth, predicted),
    "top5": M.top_k_accuracy_score(truth, logits.numpy(), k=5, labels=range(K)),
    "loss": float(torch.nn.functional.cross_entropy(logits.double(), target)),
    "confusion": M.confusion_matrix(truth, predicted, labels=range(K)).tolist(),
    "precision": precision.tolist(), "recall": recall.tolist(), "f1": f1.tolist(), "support": support.tolist(),
    "macroF1": M.f1_score(truth, predicted, average="macro", labels=np.unique([*truth, *predicted])),
    "temperature": float(log_t.detach().exp()), "ece": ece(),
    "averagePrecision": [M.average_precision_score(multi[:, k], scores[:, k]) for k in range(K)],
    "multiMacroF1": M.f1_score(multi, said, average="macro", zero_division=0),
    "multiMicroF1": M.f1_score(multi, said, average="micro", zero_division=0),
}  # fmt: skip
pathlib.Path(__file__).with_name("metrics.json").write_text(json.dumps(golden) + "\n")
