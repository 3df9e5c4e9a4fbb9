// log.ts: what TensorFlow writes to stderr when it finds no GPU -> why, in a few words. The reason is reported nowhere else.

/** The most informative patterns come first; the first that matches is the reason. */
const REASONS: readonly (readonly [RegExp, (match: RegExpExecArray) => string])[] = [
  [
    /Could not load dynamic library '(lib[\w.+-]+)'/,
    ([, library]) => `the library ${library} is missing: npm run build:tfjs-node -- --gpu`,
  ],
  [/Cannot dlopen some GPU libraries/, () => 'a CUDA library is missing: npm run build:tfjs-node -- --gpu'],
  [
    /Could not find cuda drivers|libcuda\.so\.1/,
    () => "NVIDIA's driver is not installed (nvidia-smi would say which)",
  ],
  [
    /CUDA_ERROR_NO_DEVICE|no CUDA-capable device/,
    () => 'the driver sees no NVIDIA card (nvidia-smi, CUDA_VISIBLE_DEVICES)',
  ],
  [
    /failed call to cuInit: (.*)/,
    ([, said]) =>
      `NVIDIA's driver is not installed or does not answer (nvidia-smi; cuInit: ${said?.slice(0, 80)})`,
  ],
  [/(CUDA_ERROR_[A-Z_]+)/, ([, code]) => `the driver said ${code}`],
];

/** @param log TensorFlow's stderr at TF_CPP_MIN_LOG_LEVEL=0 @returns why it sees no GPU, if it said */
export function whyNoGpu(log: string): string | undefined {
  for (const [pattern, reason] of REASONS) {
    const match = pattern.exec(log);
    if (match) return reason(match);
  }
  return undefined;
}
