// main.tsx: puts the page of `finch studio` into the document.

import { render } from 'preact';
import { App } from './app.tsx';

render(<App />, document.querySelector('#app')!);
