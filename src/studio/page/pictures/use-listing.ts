// use-listing.ts: the list of a place in an order, looked at again when the folder changes.

import { useEffect, useMemo, useReducer, useRef } from 'preact/hooks';
import { getPictures, PAGE_SIZE } from '../api.ts';
import type { PictureQuery } from '../contract.ts';
import { useStudio } from '../studio.ts';
import { Listing } from './listing.ts';

export function useListing(query: PictureQuery): Listing {
  const { changes, complain } = useStudio();
  const [, changed] = useReducer((count: number) => count + 1, 0);
  const listing = useMemo(
    () =>
      new Listing({
        fetchPage: (page) => getPictures(query, page),
        pageSize: PAGE_SIZE,
        onChange: () => changed(undefined),
        onTrouble: complain,
      }),
    [JSON.stringify(query)],
  );
  const seen = useRef(changes);
  useEffect(() => {
    if (seen.current !== changes) listing.expire();
    seen.current = changes;
  }, [listing, changes]);
  return listing;
}
