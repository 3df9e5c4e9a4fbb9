export interface FigurePanel { readonly file: string; readonly model: string; readonly picture: { readonly dataUri: string; readonly width: number; readonly height: number }; readonly predictions: readonly import('./prediction.ts').Prediction[] }
export function figureHtml(_p: readonly FigurePanel[], _o: object): string { return ''; }
export async function figureSvg(_p: readonly FigurePanel[], _o: object): Promise<string> { return ''; }
