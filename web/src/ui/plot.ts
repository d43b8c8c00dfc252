// plot - uPlot by itself, so that it is read only where a chart is.
import uPlot from "uplot";
export { uPlot };
