// inert-globals.ts: the classes and functions that training scripts leave in checkpoints beside the weights: settings, counters, dates,
// numpy's numbers. They are known here by name alone; nothing is ever called, and what they would have made is left out.

/** By module: each makes a plain value and can do nothing else. */
const PLAIN_VALUES: Readonly<Record<string, readonly string[]>> = {
  _codecs: ['encode'],
  argparse: ['Namespace'],
  array: ['array', '_array_reconstructor'],
  builtins: [
    'bool', 'bytearray', 'bytes', 'complex', 'float', 'frozenset', 'int', 'list', 'object', 'range', 'set', 'slice', 'str', 'tuple',
    'long', 'unicode', 'xrange', // as protocol 2 calls int, str and range
  ], // prettier-ignore
  collections: ['deque'],
  copyreg: ['_reconstructor', '__newobj__'],
  datetime: ['date', 'datetime', 'time', 'timedelta', 'timezone'],
  decimal: ['Decimal'],
  fractions: ['Fraction'],
  ipaddress: ['IPv4Address', 'IPv6Address'],
  numpy: [
    'bool', 'bool_', 'complex64', 'complex128', 'dtype', 'float16', 'float32', 'float64', 'int8', 'int16', 'int32', 'int64', 'ndarray',
    'str_', 'bytes_', 'uint8', 'uint16', 'uint32', 'uint64', 'datetime64', 'timedelta64', 'longlong', 'ulonglong', 'void', 'object_',
  ], // prettier-ignore
  'numpy.ma': ['_mareconstruct', 'MaskedArray'],
  'numpy.random': ['RandomState', 'Generator'],
  omegaconf: ['DictConfig', 'ListConfig'],
  pathlib: ['Path', 'PosixPath', 'PurePath', 'PurePosixPath', 'PureWindowsPath', 'WindowsPath'],
  'pathlib._local': ['Path', 'PosixPath', 'PurePath', 'PurePosixPath', 'PureWindowsPath', 'WindowsPath'],
  time: ['struct_time'],
  torch: ['device', 'Generator'],
  types: ['SimpleNamespace'],
  typing: ['Any'],
  uuid: ['UUID', 'SafeUUID'],
  zoneinfo: ['ZoneInfo._unpickle'],
};

/** Dictionaries by another name: they may hold weights, and are read as dictionaries. */
const DICTIONARIES = new Set([
  'addict.addict.Dict',
  'addict.Dict',
  'builtins.dict',
  'collections.Counter',
  'collections.defaultdict',
  'collections.UserDict',
  'easydict.EasyDict',
  'fvcore.common.config.CfgNode',
  'lightning.fabric.utilities.data.AttributeDict',
  'lightning_fabric.utilities.data.AttributeDict',
  'ml_collections.config_dict.config_dict.ConfigDict',
  'munch.Munch',
  'UserDict.IterableUserDict',
  'pytorch_lightning.utilities.parsing.AttributeDict',
  'yacs.config.CfgNode',
]);

/** Families of names, because a table of every name would go out of date with every version. */
const PATTERNS: readonly RegExp[] = [
  /^numpy\.(core|_core)\.(multiarray\.(scalar|_reconstruct)|numeric\._frombuffer)$/,
  /^numpy\.dtypes\.\w+DType$/,
  /^numpy\.random\._pickle\.__(randomstate|bit_generator|generator)_ctor$/,
  /^numpy\.random\._(mt19937|pcg64|philox|sfc64)\.\w+$/,
  /^numpy\.random\.(mtrand\.RandomState|_?bit_generator\.\w+)$/,
  /^omegaconf\.(base|nodes|dictconfig|listconfig)\.\w+$/,
  // Losses, activations and transforms that hyperparameters name.
  /^(torch\.nn\.modules\.(loss|activation)|torchvision\.transforms(\.\w+)+)\.[A-Z]\w*$/,
  /^torch\.(_utils\._rebuild_(sparse|meta|qtensor|sparse_csr|nested|device_tensor)\w*|serialization\._get_layout)$/,
  /^torch\._utils\._rebuild_(qtensor|tensor_v3|xla_tensor|wrapper_subclass|device_tensor_from_numpy)$/,
];

/** Classes that may be named (a dictionary's keys, a type), and not called. */
const NAMED = /^(torch|torchvision|pytorch_lightning|lightning|lightning_fabric)\.[\w.]+$/;

const PLAIN = new Set(
  Object.entries(PLAIN_VALUES).flatMap(([module, names]) => names.map((name) => `${module}.${name}`)),
);

/** Python 2's and protocol 2's names of the same modules. */
const RENAMED: readonly (readonly [RegExp, string])[] = [
  [/^__builtin__\./, 'builtins.'],
  [/^copy_reg\./, 'copyreg.'],
];

/** What a harmless global makes when it is called; undefined for all others. */
export function inertKind(name: string): 'dictionary' | 'value' | undefined {
  const modern = modernName(name);
  if (DICTIONARIES.has(modern)) return 'dictionary';
  return PLAIN.has(modern) || PATTERNS.some((pattern) => pattern.test(modern)) ? 'value' : undefined;
}

/** Whether a global may stand in a checkpoint without being called: a type, a dtype, a class. */
export function isHarmlessName(name: string): boolean {
  return NAMED.test(name);
}

function modernName(name: string): string {
  const [pattern, module] = RENAMED.find(([old]) => old.test(name)) ?? [];
  return pattern ? name.replace(pattern, module!) : name;
}
