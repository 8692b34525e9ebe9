// Logs orders, each at its level, with the logger that is named; record.py runs it.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"sort"

	apex "github.com/apex/log"
	apextext "github.com/apex/log/handlers/text"
	apexlogfmt "github.com/apex/log/handlers/logfmt"
	kitlog "github.com/go-kit/kit/log"
	kitlevel "github.com/go-kit/kit/log/level"
	"github.com/golang/glog"
	"github.com/hashicorp/go-hclog"
	log15 "github.com/inconshreveable/log15"
	"github.com/rs/zerolog"
	"github.com/sirupsen/logrus"
	"go.uber.org/zap"
	"k8s.io/klog"
)

func withZap(logger *zap.Logger, err error) {
	if err != nil {
		panic(err)
	}
	logger.Debug("order one")
	logger.Info("order two", zap.Int("id", 12))
	logger.Warn("order three")
	logger.Error("order four")
}

func withLogrus(formatter logrus.Formatter) {
	logger := logrus.New()
	logger.SetLevel(logrus.DebugLevel)
	logger.SetFormatter(formatter)
	logger.ExitFunc = func(int) {}
	logger.Debug("order one")
	logger.WithField("id", 12).Info("order two")
	logger.Warn("order three")
	logger.Error("order four")
	logger.Fatal("order five")
}

func withZerolog(logger zerolog.Logger) {
	logger.Debug().Msg("order one")
	logger.Info().Int("id", 12).Msg("order two")
	logger.Warn().Msg("order three")
	logger.Error().Msg("order four")
	logger.WithLevel(zerolog.FatalLevel).Msg("order five")
}

func withHclog(json bool) {
	logger := hclog.New(&hclog.LoggerOptions{Name: "shop", Level: hclog.Debug, JSONFormat: json})
	logger.Debug("order one")
	logger.Info("order two", "id", 12)
	logger.Warn("order three")
	logger.Error("order four")
}

func withLog15(format log15.Format) {
	logger := log15.New()
	logger.SetHandler(log15.StreamHandler(os.Stderr, format))
	logger.Debug("order one")
	logger.Info("order two", "id", 12)
	logger.Warn("order three")
	logger.Error("order four")
	logger.Crit("order five")
}

func withApex(handler apex.Handler) {
	logger := &apex.Logger{Handler: handler, Level: apex.DebugLevel}
	logger.Debug("order one")
	logger.WithField("id", 12).Info("order two")
	logger.Warn("order three")
	logger.Error("order four")
}

func withKit(logger kitlog.Logger) {
	logger = kitlog.With(logger, "ts", kitlog.DefaultTimestampUTC, "caller", kitlog.DefaultCaller)
	kitlevel.Debug(logger).Log("msg", "order one")
	kitlevel.Info(logger).Log("msg", "order two", "id", 12)
	kitlevel.Warn(logger).Log("msg", "order three")
	kitlevel.Error(logger).Log("msg", "order four")
}

var forms = map[string]func(){
	"log_level_in_prefix": func() {
		log.New(os.Stderr, "ERROR: ", log.LstdFlags|log.Lshortfile).Print("order four")
		log.New(os.Stderr, "INFO: ", log.LstdFlags|log.Lshortfile).Print("order two")
		log.New(os.Stderr, "shop: ", log.LstdFlags).Print("ERROR order four")
		log.New(os.Stderr, "[WARN] ", log.LstdFlags|log.Lmsgprefix).Print("order three")
	},
	"zap_production":  func() { withZap(zap.NewProduction()) },
	"zap_development": func() { withZap(zap.NewDevelopment()) },
	"logrus_text":     func() { withLogrus(&logrus.TextFormatter{}) },
	"logrus_terminal": func() { withLogrus(&logrus.TextFormatter{ForceColors: true}) },
	"logrus_full":     func() { withLogrus(&logrus.TextFormatter{ForceColors: true, FullTimestamp: true}) },
	"logrus_json":     func() { withLogrus(&logrus.JSONFormatter{}) },
	"zerolog_json":    func() { withZerolog(zerolog.New(os.Stderr).With().Timestamp().Logger()) },
	"zerolog_console": func() { withZerolog(zerolog.New(zerolog.ConsoleWriter{Out: os.Stderr}).With().Timestamp().Logger()) },
	"hclog_text":      func() { withHclog(false) },
	"hclog_json":      func() { withHclog(true) },
	"log15_logfmt":    func() { withLog15(log15.LogfmtFormat()) },
	"log15_terminal":  func() { withLog15(log15.TerminalFormat()) },
	"log15_json":      func() { withLog15(log15.JsonFormat()) },
	"apex_text":       func() { withApex(apextext.New(os.Stderr)) },
	"apex_logfmt":     func() { withApex(apexlogfmt.New(os.Stderr)) },
	"kit_logfmt":      func() { withKit(kitlog.NewLogfmtLogger(os.Stderr)) },
	"kit_json":        func() { withKit(kitlog.NewJSONLogger(os.Stderr)) },
	"klog": func() {
		klog.Info("order two")
		klog.Warning("order three")
		klog.Error("order four")
		klog.Flush()
	},
	"glog": func() {
		flag.Set("logtostderr", "true")
		glog.Info("order two")
		glog.Warning("order three")
		glog.Error("order four")
		glog.Flush()
	},
}

func main() {
	if len(os.Args) > 1 {
		forms[os.Args[1]]()
		return
	}
	var names []string
	for name := range forms {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Println(name)
	}
}
