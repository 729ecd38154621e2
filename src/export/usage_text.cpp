// The README.md of an exported model. Its Python is executed by tests/interop.
#include "lrc/export/exporter.hpp"

namespace lrc {
namespace {

constexpr const char* kHead = R"(# A model quantized by lrc

`config.json` says how its weights and activations are quantized, `lrc_report.json` how it was made.

    lrc_evaluate --model DIRECTORY --text FILE

gives its perplexity.
)";

constexpr const char* kOwn = R"(
Only lrc runs it. Transformers, vLLM and others know `quant_method: lrc` not at all, and would leave out what they don't
know; so the weights are in `quantized.safetensors` (or `quantized-00001-of-0000N.safetensors`), where they don't look.
`lrc_calibrate --export-for stock` makes a model for them.
)";

constexpr const char* kStock = R"(
Transformers with compressed-tensors runs it (5.23 and 0.20 were tried):

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

directory = "."
model = AutoModelForCausalLM.from_pretrained(directory)
tokenizer = AutoTokenizer.from_pretrained(directory)
```
)";

constexpr const char* kStockWithZeroPoints = R"(
Transformers with compressed-tensors runs it (5.23 and 0.20 were tried). It unpacks the weights while it loads them:

```python
from transformers import AutoModelForCausalLM, AutoTokenizer, CompressedTensorsConfig

directory = "."
model = AutoModelForCausalLM.from_pretrained(directory, quantization_config=CompressedTensorsConfig(dequantize=True))
tokenizer = AutoTokenizer.from_pretrained(directory)
```

Without `dequantize` 0.20 refuses packed zero points: it keeps room for unpacked ones.
)";

constexpr const char* kStockWithAdapter = R"(
Transformers with compressed-tensors and PEFT runs it (5.23, 0.20 and 0.21 were tried), in these steps:

```python
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

directory = "."
model = AutoModelForCausalLM.from_pretrained(f"{directory}/base")
with torch.no_grad():
    model(torch.tensor([[0]], device=model.device))  # unpacks the weights; PEFT can't attach to packed ones
model = PeftModel.from_pretrained(model, f"{directory}/adapter")
tokenizer = AutoTokenizer.from_pretrained(directory)
```

`base` without `adapter` is no model of its own: its answers make no sense. That is why the directory as a whole is
refused by `from_pretrained`, which would not get further than that.
)";

}  // namespace

std::string usage_text(const QuantizedFormat& format) {
  if (!format.stock) return std::string(kHead) + kOwn;
  if (format.has_adapter) return std::string(kHead) + kStockWithAdapter;
  return std::string(kHead) + (format.weight_zero_points && format.packed ? kStockWithZeroPoints : kStock);
}

}  // namespace lrc
