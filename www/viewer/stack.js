// Which slices a viewer goes through. The one place that decides it.

/** The records of the result list to go through when `opened` was opened, in their order; `opened` is one of them. */
export function stackOf(records, opened) {
  return records.includes(opened) ? [...records] : [opened];
}
