// foreign.ts: files of weights that are no classifier's, told by their names, so that the message can say what was given.

/** What a file is, and names that only such files have. */
const FOREIGN: readonly (readonly [what: string, name: RegExp])[] = [
  [
    'a LoRA adapter: it changes the weights of another network; merge it into that network (merge_and_unload in PEFT) and import the result',
    /\.lora_|(^|[._])lora[._](A|B|up|down)/,
  ],
  [
    'a quantised state dict: its weights are integers; import the float checkpoint that it was made from',
    /(_packed_params|zero_point|qweight|weight_scale|\.absmax)(\.|$)/,
  ],
  [
    'a diffusion model: it makes pictures, finch classifies them',
    /(^|\.)(diffusion_model|time_embed(ding)?|add_embedding|down_blocks|mid_block|up_blocks)\./,
  ],
  [
    'a model of text: finch classifies pictures',
    /(^|\.)(word_embeddings|embed_tokens|token_embedding|tok_embeddings|lm_head|wte|wpe)(\.|$)/,
  ],
  [
    'a vision transformer: finch has convolutional networks',
    /(^|\.)(cls_token|class_token|class_embedding|patch_embed(dings)?\.proj(ection)?\.weight|pos_embed(ding)?)$/,
  ],
  [
    "a detector's network: finch classifies whole pictures",
    /(^|\.)(rpn|roi_heads|bbox_head|bbox_embed|anchor_generator|fpn|class_embed|dfl|classification_head|regression_head)\./,
  ],
  [
    'a segmentation network: finch classifies whole pictures',
    /(^|\.)(decode_head|aux_classifier|seg_head|mask_head|aspp|segmentation_head|decoder|classifier\.0\.convs|(low|high)_classifier)\./,
  ],
  [
    "an optimizer's state: import the model's state_dict instead",
    /(^|\.)(exp_avg|exp_avg_sq|momentum_buffer)$/,
  ],
];

/** What the file is in the field's words, if its names tell that it is no classifier's. */
export function foreignKind(names: Iterable<string>): string | undefined {
  for (const name of names) {
    const found = FOREIGN.find(([, pattern]) => pattern.test(name));
    if (found) return found[0];
  }
  return undefined;
}
