// address.ts: which words of the command line are addresses, and how an address is shown. Fetches nothing.

/** At least two letters: a single letter would be a Windows drive. */
const URL_START = /^[a-z][a-z\d+.-]+:\/\//i;

export const isUrl = (input: string) => URL_START.test(input);

/** Whether a picture can be fetched from there: over http or https, and well-formed. */
export const isFetchable = (input: string) => /^https?:\/\//i.test(input) && URL.canParse(input);

/** As it was written, without user and password: what is shown ends in logs. */
export function shownAddress(address: string): string {
  // Where an address is not well-formed, nobody can say where its password ends.
  const secret = URL.canParse(address)
    ? /^([a-z\d+.-]+:)[\\/]{2,}[^\\/?#]*@/i
    : /^([a-z\d+.-]+:)[\\/]{2,}[^]*@/i;
  return address.replace(secret, '$1//');
}
