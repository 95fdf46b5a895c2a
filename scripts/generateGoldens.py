#!/usr/bin/env python3
"""Writes test/golden/*.json: what PyTorch says about values, gradients, running statistics and optimizer steps.

Needs Debian's python3-torch (1.13.1):  apt-get install -y python3-torch && /usr/bin/python3 scripts/generateGoldens.py

Everything is computed in float64, so that a golden is a judge and not a sample of someone's rounding. Inputs are whole
numbers over 64, which float32 holds exactly: files keep the numerators. Images are converted from NCHW to NHWC, filters
from OIHW to HWIO, dense weights from [out, in] to [in, out].
"""
import json
import math
import random
from pathlib import Path

import torch
import torch.nn.functional as F

OUT = Path(__file__).resolve().parent.parent / "test" / "golden"
DENOMINATOR = 64
torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
rng = random.Random(20260101)


def draw(*shape, low=-96, high=96):
    """A float64 tensor of whole numbers over 64."""
    count = math.prod(shape)
    return torch.tensor([rng.randint(low, high) / DENOMINATOR for _ in range(count)]).reshape(shape)


def to_nhwc(t):
    return t.permute(0, 2, 3, 1) if t.dim() == 4 else t


def to_hwio(t):
    return t.permute(2, 3, 1, 0) if t.dim() == 4 else t.t()


def exact(t):
    """An input: numerators."""
    return {"shape": list(t.shape), "numerators": [round(v * DENOMINATOR) for v in t.flatten().tolist()]}


def values(t):
    """A result: ten significant digits."""
    return {"shape": list(t.shape), "values": [float(f"{v:.10g}") for v in t.detach().flatten().tolist()]}


def write(name, cases):
    OUT.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    head = f'"torch":"{torch.__version__}","generator":"scripts/generateGoldens.py","denominator":{DENOMINATOR}'
    (OUT / f"{name}.json").write_text("{" + head + ',"cases":[\n' + lines + "\n]}\n")
    print(f"{name}: {len(cases)} cases, {(OUT / f'{name}.json').stat().st_size} bytes")


def pair(value):
    return [value, value] if isinstance(value, int) else list(value)


def convolutions():
    table = [
        ("plain", (2, 5, 4, 3), 3, 4, {}),
        ("stride 2, padding 1, bias", (2, 5, 7, 3), 3, 4, dict(stride=2, padding=1, bias=True)),
        ("kernel [2, 3], stride [1, 2], padding [1, 0]", (1, 4, 7, 2), (2, 3), 5, dict(stride=(1, 2), padding=(1, 0))),
        ("dilation 2", (1, 7, 6, 2), 3, 3, dict(dilation=2)),
        ("dilation [1, 2], stride 2, padding [1, 2]", (1, 7, 7, 3), 3, 2, dict(dilation=(1, 2), stride=2, padding=(1, 2))),
        ("2 groups, bias", (2, 4, 5, 4), 3, 6, dict(groups=2, padding=1, bias=True)),
        ("depthwise, multiplier 2", (1, 5, 4, 3), 3, 6, dict(groups=3, padding=1, bias=True)),
        ("depthwise, stride 2", (1, 5, 7, 4), 3, 4, dict(groups=4, padding=1, stride=2)),
        ("asymmetric padding", (1, 4, 5, 2), 3, 3, dict(sides=[[0, 2], [1, 0]])),
        ("same, stride 2, even size", (1, 6, 5, 2), 3, 3, dict(stride=2, padding="same")),
        ("same, even kernel", (1, 4, 5, 2), (2, 4), 3, dict(padding="same", bias=True)),
        ("floor drops the rest", (1, 6, 8, 2), 3, 3, dict(stride=2, rounding="floor")),
        ("1x1", (2, 3, 4, 5), 1, 3, dict(bias=True)),
        ("1x1, stride 2", (1, 5, 3, 4), 1, 3, dict(stride=2)),
    ]
    cases = []
    for name, (rows, height, width, channels), kernel, out, options in table:
        kernel, stride, dilation = pair(kernel), pair(options.get("stride", 1)), pair(options.get("dilation", 1))
        groups = options.get("groups", 1)
        padding = options.get("sides", options.get("padding", 0))
        if padding == "same":
            sides = []
            for size, k, s, d in zip((height, width), kernel, stride, dilation):
                total = max(0, (math.ceil(size / s) - 1) * s + d * (k - 1) + 1 - size)
                sides.append([total // 2, total - total // 2])
        elif "sides" in options:
            sides = options["sides"]
        else:
            sides = [[p, p] for p in pair(padding)]
        x = draw(rows, channels, height, width).requires_grad_()
        weight = draw(out, channels // groups, *kernel).requires_grad_()
        bias = draw(out).requires_grad_() if options.get("bias") else None
        padded = F.pad(x, (*sides[1], *sides[0]))
        y = F.conv2d(padded, weight, bias, stride, 0, dilation, groups)
        dy = draw(*y.shape)
        y.backward(dy)
        case = {
            "name": name,
            "options": {"stride": stride, "padding": padding if isinstance(padding, (str, int)) else [list(p) if isinstance(p, list) else p for p in padding],
                        "dilation": dilation, "groups": groups, "rounding": options.get("rounding", "exact")},
            "x": exact(to_nhwc(x)), "filter": exact(to_hwio(weight)), "dy": exact(to_nhwc(dy)),
            "y": values(to_nhwc(y)), "dx": values(to_nhwc(x.grad)), "dfilter": values(to_hwio(weight.grad)),
        }
        if bias is not None:
            case |= {"bias": exact(bias), "dbias": values(bias.grad)}
        cases.append(case)
    write("conv2d", cases)


def pools():
    table = [
        ("2x2", (1, 4, 6, 3), 2, {}),
        ("overlapping", (1, 7, 5, 2), 3, dict(stride=2)),
        ("padded", (1, 5, 7, 2), 3, dict(stride=2, padding=1)),
        ("rectangular [2, 3], stride [1, 3]", (1, 4, 6, 3), (2, 3), dict(stride=(1, 3))),
        ("padding [1, 0], stride 1", (1, 4, 5, 2), (3, 2), dict(stride=1, padding=(1, 0))),
        ("global", (2, 3, 4, 5), (3, 4), {}),
        ("floor", (1, 5, 7, 2), 2, dict(rounding="floor")),
        ("ceil", (1, 5, 7, 2), 2, dict(rounding="ceil")),
        ("ceil, padded", (1, 6, 8, 2), 3, dict(stride=2, padding=1, rounding="ceil")),
        ("ceil drops a window that starts in the padding", (1, 5, 5, 2), 2, dict(stride=3, padding=1, rounding="ceil")),
        ("ceil, kernel 3, stride 3, padding 1", (1, 6, 7, 2), 3, dict(stride=3, padding=1, rounding="ceil")),
    ]
    cases = []
    for name, (rows, height, width, channels), kernel, options in table:
        size, padding = pair(kernel), pair(options.get("padding", 0))
        stride = pair(options.get("stride", kernel))
        rounding = options.get("rounding", "exact")
        shape = (rows, channels, height, width)

        def record(op, x, y, extra):
            dy = draw(*y.shape)
            y.backward(dy)
            cases.append({
                "name": name, "op": op,
                "options": {"size": size, "stride": stride, "padding": padding, "rounding": rounding, **extra},
                "x": exact(to_nhwc(x)), "dy": exact(to_nhwc(dy)), "y": values(to_nhwc(y)), "dx": values(to_nhwc(x.grad)),
            })

        # distinct values: PyTorch's choice among ties is not ours to copy
        numerators = rng.sample(range(-400, 400), math.prod(shape))
        x = (torch.tensor(numerators, dtype=torch.float64) / DENOMINATOR).reshape(shape).requires_grad_()
        record("maxPool2d", x, F.max_pool2d(x, size, stride, padding, 1, rounding == "ceil"), {})
        for include in (True, False):
            x = draw(*shape).requires_grad_()
            y = F.avg_pool2d(x, size, stride, padding, rounding == "ceil", include)
            record("avgPool2d", x, y, {"countIncludePad": include})
    write("pools", cases)


def batch_norm():
    cases = []
    for name, shape, momentum, epsilon in [
        ("images", (3, 4, 3, 5), 0.1, 1e-5),
        ("features, momentum 0.3, epsilon 1e-3", (6, 5), 0.3, 1e-3),
    ]:
        channels = shape[1]
        layer = torch.nn.BatchNorm2d(channels, epsilon, momentum) if len(shape) == 4 else torch.nn.BatchNorm1d(channels, epsilon, momentum)
        layer.double()
        with torch.no_grad():
            layer.weight.copy_(draw(channels))
            layer.bias.copy_(draw(channels))
        case = {"name": name, "momentum": momentum, "epsilon": epsilon, "gamma": exact(layer.weight), "beta": exact(layer.bias), "steps": []}
        for _ in range(4):
            x = draw(*shape).requires_grad_()
            layer.zero_grad()
            y = layer(x)
            dy = draw(*shape)
            y.backward(dy)
            case["steps"].append({
                "x": exact(to_nhwc(x)), "dy": exact(to_nhwc(dy)), "y": values(to_nhwc(y)), "dx": values(to_nhwc(x.grad)),
                "dgamma": values(layer.weight.grad), "dbeta": values(layer.bias.grad),
                "runningMean": values(layer.running_mean), "runningVariance": values(layer.running_var),
            })
        layer.eval()
        x = draw(*shape).requires_grad_()
        layer.zero_grad()
        y = layer(x)
        dy = draw(*shape)
        y.backward(dy)
        case["eval"] = {
            "x": exact(to_nhwc(x)), "dy": exact(to_nhwc(dy)), "y": values(to_nhwc(y)), "dx": values(to_nhwc(x.grad)),
            "dgamma": values(layer.weight.grad), "dbeta": values(layer.bias.grad),
        }
        cases.append(case)
    write("batchNorm", cases)


def activations():
    cases = []
    for name, apply, options, span in [
        ("relu", F.relu, {}, 256),
        ("leakyRelu", lambda x: F.leaky_relu(x, 0.1), {"slope": 0.1}, 256),
        ("sigmoid", torch.sigmoid, {}, 256),
        ("tanh", torch.tanh, {}, 256),
        ("softmax", lambda x: F.softmax(x, -1), {}, 256),
        ("relu6", F.relu6, {}, 512),
    ]:
        if name == "relu6":  # came later: what is drawn after this file stays as it was
            before = rng.getstate()
        x = draw(4, 9, low=-span, high=span).requires_grad_()
        y = apply(x)
        dy = draw(4, 9)
        y.backward(dy)
        cases.append({"name": name, "options": options, "x": exact(x), "dy": exact(dy), "y": values(y), "dx": values(x.grad)})
    rng.setstate(before)
    write("activations", cases)


def losses():
    cases = []
    for name, shape in [("features", (5, 7)), ("per pixel", (2, 3, 4, 5))]:
        logits = draw(*shape, low=-256, high=256).requires_grad_()
        labels = torch.tensor([rng.randrange(shape[-1]) for _ in range(math.prod(shape[:-1]))])
        loss = F.cross_entropy(logits.reshape(-1, shape[-1]), labels)
        loss.backward()
        cases.append({"op": "softmaxCrossEntropy", "name": name, "logits": exact(logits), "labels": labels.tolist(),
                      "loss": values(loss.reshape(1)), "dlogits": values(logits.grad)})
        prediction, target = draw(*shape).requires_grad_(), draw(*shape).requires_grad_()
        loss = F.mse_loss(prediction, target)
        loss.backward()
        cases.append({"op": "meanSquaredError", "name": name, "prediction": exact(prediction), "target": exact(target),
                      "loss": values(loss.reshape(1)), "dprediction": values(prediction.grad), "dtarget": values(target.grad)})
    write("losses", cases)


def optimizer():
    cases = []
    for name, options in [
        ("plain", {}),
        ("weight decay", {"weightDecay": 0.05}),
        ("momentum", {"momentum": 0.9}),
        ("nesterov", {"momentum": 0.9, "nesterov": True}),
        ("nesterov and weight decay", {"momentum": 0.5, "nesterov": True, "weightDecay": 0.1}),
    ]:
        parameter = draw(3, 4).requires_grad_()
        case = {"name": name, "options": options, "parameter": exact(parameter), "steps": []}
        sgd = torch.optim.SGD([parameter], lr=0.1, momentum=options.get("momentum", 0), nesterov=options.get("nesterov", False),
                              weight_decay=options.get("weightDecay", 0))
        for rate in (0.125, 0.125, 0.0625, 0.03125, 0.25):
            sgd.param_groups[0]["lr"] = rate
            parameter.grad = draw(3, 4)
            gradient = exact(parameter.grad)
            sgd.step()
            state = sgd.state[parameter].get("momentum_buffer")
            step = {"learningRate": rate, "gradient": gradient, "parameter": values(parameter)}
            if state is not None:
                step["velocity"] = values(state)
            case["steps"].append(step)
        cases.append(case)
    write("sgd", cases)


def network():
    """A whole network, trained for several steps: convolution, batch norm, relu, residual, pooling, dense, cross-entropy, SGD."""
    rows, steps = 6, 5
    stem, block = torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.Conv2d(4, 4, 3, padding=1, bias=False)
    norm, head = torch.nn.BatchNorm2d(4), torch.nn.Linear(4 * 3 * 4, 5)
    layers = {"stem.filter": stem.weight, "stem.bias": stem.bias, "block.filter": block.weight, "norm.gamma": norm.weight,
              "norm.beta": norm.bias, "head.weight": head.weight, "head.bias": head.bias}
    arrange = lambda name, t: to_hwio(t) if name.endswith(("filter", "weight")) else t
    with torch.no_grad():
        for name, parameter in layers.items():
            parameter.copy_(draw(*parameter.shape, low=48, high=80) if name == "norm.gamma" else draw(*parameter.shape, low=-24, high=24))
    case = {"name": "residual network", "learningRate": 0.125, "momentum": 0.9, "nesterov": True, "weightDecay": 0.015625, "rows": rows,
            "parameters": {name: exact(arrange(name, p)) for name, p in layers.items()}, "steps": []}
    sgd = torch.optim.SGD(layers.values(), lr=0.125, momentum=0.9, nesterov=True, weight_decay=0.015625)
    for _ in range(steps):
        images, labels = draw(rows, 1, 6, 8), torch.tensor([rng.randrange(5) for _ in range(rows)])
        sgd.zero_grad()
        first = F.relu(stem(images))
        second = F.relu(norm(block(first)) + first)
        pooled = F.max_pool2d(second, 2)
        loss = F.cross_entropy(head(to_nhwc(pooled).reshape(rows, -1)), labels)
        loss.backward()
        sgd.step()
        case["steps"].append({"images": exact(to_nhwc(images)), "labels": labels.tolist(), "loss": float(f"{loss.item():.12g}")})
    case["after"] = {name: values(arrange(name, p)) for name, p in layers.items()}
    case["after"] |= {"norm.mean": values(norm.running_mean), "norm.variance": values(norm.running_var)}
    write("network", [case])


if __name__ == "__main__":
    convolutions()
    pools()
    batch_norm()
    activations()
    losses()
    optimizer()
    network()
