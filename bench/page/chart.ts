/** Draws one metric of one scenario: a bar for each peer, and its range. */
import { BarChart, CustomChart, type CustomSeriesOption } from 'echarts/charts';
import { GridComponent, TitleComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import type { Figure } from '../figures.ts';

use([BarChart, CustomChart, GridComponent, TitleComponent, SVGRenderer]);

const width = 760;
const rowHeight = 26;
const margins = { top: 44, left: 190, right: 80, bottom: 28 };
const own = '#2563eb';
const others = '#94a3b8';
const ink = '#1e293b';

export function chart(metric: string, list: readonly Figure[]): string {
  const figures = list.toReversed();
  const height = margins.top + margins.bottom + rowHeight * figures.length;
  const drawing = init(undefined, undefined, { renderer: 'svg', ssr: true, width, height });
  drawing.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    textStyle: { fontFamily: 'sans-serif', color: ink },
    title: { text: metric, left: 12, top: 10, textStyle: { fontSize: 14, color: ink } },
    grid: margins,
    xAxis: { type: 'value', splitNumber: 4 },
    yAxis: { type: 'category', data: figures.map(({ peer, config }) => `${peer}:${config}`) },
    series: [
      {
        type: 'bar',
        barWidth: 14,
        data: figures.map(({ peer, median }) => ({
          value: median,
          itemStyle: { color: peer === 'millrace' ? own : others },
        })),
        label: {
          show: true,
          position: 'insideLeft',
          color: ink,
          formatter: ({ value }: { value: unknown }) => Number(value).toLocaleString('en-US'),
        },
      },
      ranges(figures),
    ],
  });
  const svg = drawing.renderToSVGString();
  drawing.dispose();
  return svg;
}

/** A line from the smallest to the largest run. */
function ranges(figures: readonly Figure[]): CustomSeriesOption {
  return {
    type: 'custom',
    z: 3,
    data: figures.map(({ min, max }, at) => [min, max, at]),
    encode: { x: [0, 1], y: 2 },
    renderItem(_, api) {
      const [fromX = 0, y = 0] = api.coord([api.value(0), api.value(2)]);
      const [toX = 0] = api.coord([api.value(1), api.value(2)]);
      const line = (x1: number, y1: number, x2: number, y2: number) => ({
        type: 'line' as const,
        shape: { x1, y1, x2, y2 },
        style: { stroke: ink, lineWidth: 1 },
      });
      return {
        type: 'group',
        children: [
          line(fromX, y, toX, y),
          line(fromX, y - 4, fromX, y + 4),
          line(toX, y - 4, toX, y + 4),
        ],
      };
    },
  };
}
