"""The operators that a model may use without asking: known, deterministic, and bounded.

An allow-list, by domain and name. Not in it: Loop, If and SequenceMap (a run without an end), Random*
and other dice, ImageDecoder (a parser of its own), training, sequences and optionals as values. A model's
policy may allow more. Scan is in it where the file says how long it runs (`scans`), Tokenizer with its
limits (`texts`).
"""

from __future__ import annotations

DEFAULT_DOMAINS = {"ai.onnx": ""}
"""Names that mean the same domain."""

RUNTIME_DOMAINS = frozenset(
    {"com.microsoft", "com.microsoft.nchwc", "ai.onnx.contrib", "com.ms.internal.nhwc"}
)
"""Operators that onnxruntime knows and ONNX does not: never unknown, hardly ever allowed by default."""

_ONNX = """
Abs Acos Acosh Add AffineGrid And ArgMax ArgMin Asin Asinh Atan Atanh Attention AveragePool
BatchNormalization BitCast BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor BlackmanWindow
Cast CastLike Ceil Celu CenterCropPad Clip Col2Im Compress Concat Constant ConstantOfShape Conv
ConvInteger ConvTranspose Cos Cosh CumProd CumSum
DFT DeformConv DepthToSpace DequantizeLinear Det Div Dropout DynamicQuantizeLinear
Einsum Elu Equal Erf Exp Expand EyeLike Flatten Floor
GRU Gather GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool Greater
GreaterOrEqual GridSample GroupNormalization
HammingWindow HannWindow HardSigmoid HardSwish Hardmax
Identity InstanceNormalization IsInf IsNaN
LRN LSTM LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax LpNormalization LpPool
MatMul MatMulInteger Max MaxPool MaxRoiPool MaxUnpool Mean MeanVarianceNormalization MelWeightMatrix Min
Mish Mod Mul
Neg NonMaxSuppression NonZero Not OneHot Or
PRelu Pad Pow QLinearConv QLinearMatMul QuantizeLinear
RMSNormalization RNN Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean
ReduceMin ReduceProd ReduceSum ReduceSumSquare RegexFullMatch Relu Reshape Resize ReverseSequence RoiAlign
RotaryEmbedding Round
STFT Scan Scatter ScatterElements ScatterND Selu Shape Shrink Sigmoid Sign Sin Sinh Size Slice Softmax
Softplus Softsign SpaceToDepth Split Sqrt Squeeze StringConcat StringNormalizer StringSplit Sub Sum SwiGLU
Swish
Tan Tanh TensorScatter TfIdfVectorizer ThresholdedRelu Tile TopK Transpose Trilu
Unique Unsqueeze Upsample Where Xor
"""

_ML = """
ArrayFeatureExtractor Binarizer CastMap CategoryMapper DictVectorizer FeatureVectorizer Imputer LabelEncoder
LinearClassifier LinearRegressor Normalizer OneHotEncoder SVMClassifier SVMRegressor Scaler TreeEnsemble
TreeEnsembleClassifier TreeEnsembleRegressor ZipMap
"""

_RUNTIME = """
Tokenizer
"""

ALLOWED = frozenset(
    {("", name) for name in _ONNX.split()}
    | {("ai.onnx.ml", name) for name in _ML.split()}
    | {("com.microsoft", name) for name in _RUNTIME.split()}
)

SIZED_BY_VALUES = {
    "Range": (0, 1, 2),
    "Expand": (1,),
    "ConstantOfShape": (0,),
    "Tile": (1,),
    "OneHot": (1,),
    "Pad": (1,),
    "Resize": (2, 3),
    "Upsample": (1,),
    "CenterCropPad": (1,),
    "MelWeightMatrix": (0, 1),
    "BlackmanWindow": (0,),
    "HammingWindow": (0,),
    "HannWindow": (0,),
    "AffineGrid": (1,),
    "Col2Im": (1, 2),
    "MaxUnpool": (2,),
    "DFT": (1,),
}
"""Operators whose output is as large as a value says, and the inputs that say it."""

INTEGER_DIVISIONS = frozenset({"Div", "Mod"})
"""Operators that kill the process on a zero divisor, or on the least integer by minus one."""

SHAPES_ONLY = frozenset({"Shape", "Size"})
"""Operators that look at no value: what they make is bounded by what was sent."""
