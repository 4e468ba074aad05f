package bankfile

import (
	"io"

	"github.com/xuri/excelize/v2"
)

// textFormat is Excel's number format "@": a cell that somebody edits stays text, and keeps its leading zeros.
const textFormat = 49

// writeXLSX writes every cell as a string, except amounts of columns that are numbers: those are the decimal text itself,
// unchanged by any floating-point number.
func (u Upload) writeXLSX(w io.Writer, rows [][]written) (err error) {
	file := excelize.NewFile()
	defer func() {
		if closed := file.Close(); err == nil {
			err = closed
		}
	}()
	if err := file.SetSheetName(file.GetSheetName(0), u.Sheet); err != nil {
		return err
	}
	style, err := file.NewStyle(&excelize.Style{NumFmt: textFormat})
	if err != nil {
		return err
	}
	for y, row := range rows {
		for x, cell := range row {
			if cell.text == "" {
				continue
			}
			name, err := excelize.CoordinatesToCellName(x+1, y+1)
			if err != nil {
				return err
			}
			if cell.number {
				err = file.SetCellDefault(u.Sheet, name, cell.text)
			} else if err = file.SetCellStr(u.Sheet, name, cell.text); err == nil {
				err = file.SetCellStyle(u.Sheet, name, name, style)
			}
			if err != nil {
				return err
			}
		}
	}
	return file.Write(w)
}
