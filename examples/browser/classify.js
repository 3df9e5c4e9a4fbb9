// classify.js: a model folder and a picture element -> the three most probable classes, with plain TensorFlow.js. All that finch
// adds to the format is in `userDefinedMetadata`: how pixels are prepared, and what the classes are called.

/** @param {string} folder address of a model folder @param {HTMLImageElement} picture loaded */
export async function classify(tf, folder, picture) {
  const model = await tf.loadLayersModel(`${folder}/model.json`);
  const { preprocessing, labels } = model.getUserDefinedMetadata().finch;
  const logits = tf.tidy(() => {
    const { mean, std } = preprocessing;
    const pixels = tf.browser.fromPixels(cropped(picture, preprocessing)).div(255);
    return model.predict(pixels.sub(mean).div(std).expandDims()).squeeze();
  });
  const probabilities = await (isActivated(model) ? logits : logits.softmax()).data();
  tf.dispose(logits);
  model.dispose();
  return [...probabilities]
    .map((probability, index) => ({ index, probability, label: labels?.names?.[index] ?? `class ${index}` }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, 3);
}

/** The centre of the picture, its short side resized first. The browser's resampling is near Pillow's, not equal to it. */
function cropped(picture, { size, resize }) {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = size;
  const context = canvas.getContext('2d');
  context.imageSmoothingQuality = 'high';
  const scale = resize / Math.min(picture.naturalWidth, picture.naturalHeight);
  const [width, height] = [picture.naturalWidth * scale, picture.naturalHeight * scale];
  context.drawImage(picture, (size - width) / 2, (size - height) / 2, width, height);
  return canvas;
}

/** Whether the last layer makes probabilities already. */
function isActivated(model) {
  const activation = model.layers.at(-1).getConfig().activation;
  return activation === 'softmax' || activation === 'sigmoid';
}
