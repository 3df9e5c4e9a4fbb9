// plan.ts: the steps of the GPU check, in the order of what matters most, for a card and (`small`) for a driver in software.

export type Step =
  | { readonly kind: 'doctor' }
  | { readonly kind: 'forward'; readonly model: string; readonly device: string; readonly batches: readonly number[]; readonly size: number }
  | { readonly kind: 'training'; readonly model: string; readonly device: string; readonly batch: number; readonly size: number; readonly losses: number }
  /** Training steps of a network of every kind of layer against PyTorch's, whatever the CPU says. */
  | { readonly kind: 'goldens'; readonly device: string }
  | { readonly kind: 'classify'; readonly device: string; readonly count: number }
  | { readonly kind: 'peer'; readonly job: string; readonly model: string; readonly batch: number; readonly size: number; readonly mode: string }; // prettier-ignore

export const nameOf = (step: Step): string =>
  Object.values(step)
    .map((value) => (Array.isArray(value) ? value.join('+') : String(value)))
    .join(' ');

const SIZES = {
  card: { batches: [1, 8, 32], size: 224, losses: 5, count: 400, training: { resnet18: 32, resnet101: 16 }, models: ['resnet18', 'resnet101', 'efficientnet_lite0'] }, // prettier-ignore
  // Such a driver compiles a shader for each layer's shape, in seconds: one batch of a network of a few layers.
  small: { batches: [2], size: 32, losses: 2, count: 1, training: { squeeze_excite: 4 }, models: ['squeeze_excite'] }, // prettier-ignore
} as const;

export function stepsOf(kind: keyof typeof SIZES): readonly Step[] {
  const { batches, size, losses, count, training, models } = SIZES[kind];
  const trained = Object.entries(training);
  const peers = ['fp32', 'tf32', 'bf16'].flatMap((mode) =>
    trained.flatMap(([model, batch]) =>
      ['training', 'forward'].map((job): Step => ({ kind: 'peer', job, model, batch, size, mode })),
    ),
  );
  return [
    { kind: 'doctor' },
    ...trained.flatMap(([model, batch]) =>
      ['webgpu', 'cpu'].map((device): Step => ({ kind: 'training', model, device, batch, size, losses })),
    ),
    ...(kind === 'card' ? [{ kind: 'goldens', device: 'webgpu' } as const] : []),
    ...models.flatMap((model) =>
      ['webgpu', 'cpu'].map((device): Step => ({ kind: 'forward', model, device, batches, size })),
    ),
    ...['webgpu', 'cpu'].map((device): Step => ({ kind: 'classify', device, count })),
    ...peers,
    { kind: 'forward', model: 'resnet18', device: 'cuda', batches, size },
  ];
}
