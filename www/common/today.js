// The day in UTC by the clock of this device, as 2026-11-30, which is the command's day too.

export const today = () => new Date().toISOString().slice(0, 10);
