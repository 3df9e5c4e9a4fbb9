// plain-name.ts: what a layer of others is called here. TensorFlow.js refuses a folder in which a name has other characters, or is one
// that every JavaScript object has.

/** A name of letters, digits and `_ . / -` that begins with a letter or a digit; the same where it is one. */
export function plainName(name: string): string {
  const plain = name.replace(/[^\w./-]+/g, '_').replace(/^[^A-Za-z0-9]+/, '') || 'layer';
  return plain in Object.prototype ? `${plain}_` : plain;
}
