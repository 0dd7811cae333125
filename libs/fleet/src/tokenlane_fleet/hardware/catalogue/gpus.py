"""Devices. Prices are of the first half of 2026 and differ by a factor of three between sellers."""

from tokenlane_fleet.hardware.gpu import GIB, Gpu, Interconnect

NVLINK3 = Interconnect("NVLink 3", 15e-6, 235e9)
NVLINK4 = Interconnect("NVLink 4", 15e-6, 360e9)
NVLINK5 = Interconnect("NVLink 5", 15e-6, 700e9)
INFINITY_FABRIC = Interconnect("Infinity Fabric", 20e-6, 310e9)
PCIE5 = Interconnect("PCIe 5", 30e-6, 40e9)
PCIE4 = Interconnect("PCIe 4", 40e-6, 20e9)

_A100 = Gpu(
    key="a100-80",
    name="NVIDIA A100 80 GB SXM",
    memory=79.2 * GIB,
    bandwidth=2.039e12,
    bf16=312e12,
    fp8=None,
    fp4=None,
    interconnect=NVLINK3,
    price_per_hour=1.5,
    source="NVIDIA A100 80GB data sheet (SXM); memory assumed as on an H100, both have 80 GiB",
    price_source="mercatus-ai.com, Cloud GPU pricing, May 2026: 1.10 to 1.50 at specialised clouds",
    aliases=("a100", "a100-80gb", "a100-sxm", "a100-sxm4-80gb"),
    driver_names=("NVIDIA A100-SXM4-80GB", "NVIDIA A100 80GB PCIe"),
)
_H100 = Gpu(
    key="h100",
    name="NVIDIA H100 80 GB SXM",
    memory=79.22 * GIB,
    bandwidth=3.35e12,
    bf16=989e12,
    fp8=1979e12,
    fp4=None,
    interconnect=NVLINK4,
    price_per_hour=3.0,
    source="NVIDIA H100 data sheet (SXM, halved from sparse); memory as vLLM prints it in vllm-project/vllm#10511",
    price_source="aimultiple.com, GPU index, May 2026: median 2.95 on demand",
    aliases=("h100-80", "h100-80gb", "h100-sxm", "h100-sxm5"),
    driver_names=("NVIDIA H100 80GB HBM3",),
)
_H200 = Gpu(
    key="h200",
    name="NVIDIA H200 141 GB SXM",
    memory=139.8 * GIB,
    bandwidth=4.8e12,
    bf16=989e12,
    fp8=1979e12,
    fp4=None,
    interconnect=NVLINK4,
    price_per_hour=4.0,
    source="NVIDIA H200 data sheet (SXM, halved from sparse); memory assumed, 141 GB less what the driver keeps",
    price_source="mercatus-ai.com, Cloud GPU pricing, May 2026: 3.50 to 4.50 at specialised clouds",
    aliases=("h200-141", "h200-141gb", "h200-sxm"),
    driver_names=("NVIDIA H200",),
)
_B200 = Gpu(
    key="b200",
    name="NVIDIA B200 180 GB",
    memory=178.4 * GIB,
    bandwidth=8e12,
    bf16=2.25e15,
    fp8=4.5e15,
    fp4=9e15,
    interconnect=NVLINK5,
    price_per_hour=5.5,
    source="NVIDIA HGX B200 data sheet, an eighth of the board, dense; memory assumed, 180 GB HBM3e less the driver's",
    price_source="lyceum.technology, March 2026: 4.50 to 6.00 at specialised clouds",
    aliases=("b200-180", "hgx-b200"),
    driver_names=("NVIDIA B200",),
)
_RTX_PRO_6000 = Gpu(
    key="rtx-pro-6000",
    name="NVIDIA RTX PRO 6000 Blackwell 96 GB",
    memory=94.97 * GIB,
    bandwidth=1.792e12,
    bf16=500e12,
    fp8=1000e12,
    fp4=2000e12,
    interconnect=PCIE5,
    price_per_hour=1.8,
    source=(
        "NVIDIA RTX PRO 6000 Blackwell Workstation data sheet: 4,000 TOPS sparse FP4, of which a half, a quarter "
        "and an eighth are taken; the server edition has 1.6 TB/s. Driver shows 97,887 MiB "
        "(vllm-project/recipes#831), of which 94.97 GiB are assumed for programs"
    ),
    price_source="assumed",
    aliases=("rtx-pro-6000-blackwell", "rtxpro6000", "pro-6000"),
    driver_names=(
        "NVIDIA RTX PRO 6000 Blackwell Workstation Edition",
        "NVIDIA RTX PRO 6000 Blackwell Server Edition",
    ),
)
_MI300X = Gpu(
    key="mi300x",
    name="AMD Instinct MI300X 192 GB",
    memory=191.98 * GIB,
    bandwidth=5.3e12,
    bf16=1307e12,
    fp8=2615e12,
    fp4=None,
    interconnect=INFINITY_FABRIC,
    price_per_hour=2.5,
    source="AMD Instinct MI300X data sheet; memory as vLLM sees it in vllm-project/vllm#53961",
    price_source="assumed",
    aliases=("instinct-mi300x", "amd-mi300x"),
)
_L4 = Gpu(
    key="l4",
    name="NVIDIA L4 24 GB",
    memory=22.0 * GIB,
    bandwidth=300e9,
    bf16=121e12,
    fp8=242e12,
    fp4=None,
    interconnect=PCIE4,
    price_per_hour=0.8,
    source="NVIDIA L4 data sheet (halved from sparse); memory assumed, 24 GB less error correction and the driver's",
    price_source="assumed",
    aliases=("l4-24", "l4-24gb"),
    driver_names=("NVIDIA L4",),
)

ALL = (_A100, _H100, _H200, _B200, _RTX_PRO_6000, _MI300X, _L4)
