// default-model.ts: what `--model` is when it is not given: it ships with finch. `--help` loads this file, and no more of config/.

export const DEFAULT_MODEL = 'efficientnet_lite0';
