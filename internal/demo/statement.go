package demo

import (
	"context"

	"github.com/galla-gateway/galla/internal/withdrawal"
)

func (p *play) statement(context.Context, withdrawal.ID) error { return nil }
