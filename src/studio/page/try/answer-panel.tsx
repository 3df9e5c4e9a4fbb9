// answer-panel.tsx: a picture, and beside it what the network says: bars, where it looks, and the nearest training pictures.

import { useEffect, useState } from 'preact/hooks';
import type { Answer } from '../contract.ts';
import { Thumb } from '../parts/thumb.tsx';
import type { Camera } from '../parts/use-camera.ts';
import { fileName, useStudio } from '../studio.ts';

const MAX_BARS = 5;
const SIZE = 100;

export interface AnswerPanelProps {
  readonly bytes: Blob | undefined;
  readonly answer: Answer | undefined;
  /** While the webcam is live. */
  readonly camera: Camera | undefined;
  /** The answer is wrong. */
  readonly onRather: () => void;
}

export function AnswerPanel({ bytes, answer, camera, onRather }: AnswerPanelProps) {
  const { words } = useStudio();
  const [isHeatShown, setHeatShown] = useState(true);
  const address = useAddress(camera ? undefined : bytes);
  return (
    <div class="answer">
      <div>
        <div class="tried">
          {camera ? (
            <video ref={camera.video} muted playsInline aria-label={words.camera.preview} />
          ) : (
            address && <img src={address} alt={words.try.picture} />
          )}
          {answer?.heat && isHeatShown && <img class="heat" src={answer.heat} alt="" />}
        </div>
        {answer?.heat && (
          <label class="check-box">
            <input
              type="checkbox"
              checked={isHeatShown}
              onChange={(event) => setHeatShown(event.currentTarget.checked)}
            />
            {words.try.heat}
          </label>
        )}
      </div>
      <div>
        <h2>{words.try.answers}</h2>
        <div aria-live={camera ? 'off' : 'polite'}>
          {answer ? <Bars answer={answer} /> : <p class="hint">{words.try.waiting}</p>}
        </div>
        {answer && (
          <button type="button" onClick={onRather}>
            {words.try.rather}
          </button>
        )}
        {answer?.neighbours && answer.neighbours.length > 0 && (
          <>
            <h3>{words.try.neighbours}</h3>
            <div class="sheet small">
              {answer.neighbours.map((neighbour) => (
                <figure key={neighbour.id}>
                  <div class="frame">
                    <Thumb id={neighbour.id} size={SIZE} alt={fileName(neighbour.id)} />
                  </div>
                  <figcaption>
                    <bdi>{neighbour.class ?? words.grid.noClass}</bdi>
                    <span>{words.try.similarity(neighbour.similarity)}</span>
                  </figcaption>
                </figure>
              ))}
            </div>
          </>
        )}
      </div>
    </div>
  );
}

function Bars({ answer: { predictions, unknown } }: { readonly answer: Answer }) {
  const { words } = useStudio();
  return (
    <>
      {unknown && <p class="unknown">{words.try.unknown}</p>}
      <ol class={`bars${unknown ? ' faint' : ''}`}>
        {predictions.slice(0, MAX_BARS).map(({ label, labelZh, probability }, i) => (
          <li key={i}>
            <bdi>{words.code === 'en' ? label : (labelZh ?? label)}</bdi>
            <span class="number">{words.percent(probability)}</span>
            <i style={{ width: `${probability * 100}%` }} />
          </li>
        ))}
      </ol>
    </>
  );
}

/** An address of these bytes, as long as they are shown. */
function useAddress(bytes: Blob | undefined): string | undefined {
  const [address, setAddress] = useState<string>();
  useEffect(() => {
    if (bytes === undefined) return setAddress(undefined);
    const made = URL.createObjectURL(bytes);
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [bytes]);
  return address;
}
